"""Who changed what, for the pages of what was changed; for administrators only: others get nothing."""

from django import template
from django.template.context import RequestContext

from b24app.audit import lookup
from b24app.audit.models import Action, Change, Kind
from b24app.console.wording.changes import describe_change
from b24app.console.wording.employees import EmployeeNames
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Reason

register = template.Library()

MAX_LATEST = 5


@register.simple_tag(takes_context=True)
def latest_changes(context: RequestContext, kind: str, object_id: int | None) -> list[dict[str, object]]:
    """Return the newest changes of an object with their titles and who made them."""
    request = context["request"]
    if not (request.visitor.is_admin and object_id):  # a sender that is not saved yet has none
        return []
    changes = lookup.latest_changes(request.portal, Kind(kind), object_id, MAX_LATEST)
    people = EmployeeNames.load(request.portal, [one.user_id for one in changes])
    return [{"change": one, "title": describe_change(one), "who": people.actor_name(one.user_id)} for one in changes]


@register.simple_tag(takes_context=True)
def pause_of(context: RequestContext, kind: str, object_id: int) -> dict[str, object] | None:
    """Return who paused an object that is paused now, and when; None where that is not recorded."""
    return _found(context, lookup.latest_change(context["request"].portal, Kind(kind), object_id, [Action.PAUSED]))


@register.simple_tag(takes_context=True)
def deed_on(context: RequestContext, message: Message) -> dict[str, object] | None:
    """Return who canceled a message or marked it as sent, and when."""
    portal = context["request"].portal
    if message.reason == Reason.CANCELLED:
        return _found(context, lookup.change_of_message(portal, message.pk, Action.CANCELED))
    if message.sent_at is not None and message.attempts:
        return _found(context, lookup.change_of_message(portal, message.pk, Action.MARKED_SENT))
    return None


def _found(context: RequestContext, change: Change | None) -> dict[str, object] | None:
    request = context["request"]
    if change is None or not request.visitor.is_admin:
        return None
    people = EmployeeNames.load(request.portal, [change.user_id])
    return {"change": change, "action": change.action, "at": change.at, "who": people.actor_name(change.user_id)}
