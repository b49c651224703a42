"""The Undo button of a toast: offered for what a request has just changed, if that can be reversed."""

import json

from django.http import HttpResponse
from django.utils.translation import gettext as _

from b24app.audit.actor import current_actor
from b24app.audit.models import Change
from b24app.console.frame.screen import address

TRIGGER = "HX-Trigger"


def offer_undo(response: HttpResponse) -> HttpResponse:
    """Add a button to the toast of a response (docs/frame.md 7) whose request recorded one change.

    It posts nothing but its own address, and whoever answers it looks at the change again.
    """
    recorded = current_actor().recorded
    if len(recorded) != 1 or TRIGGER not in response.headers:
        return response
    events = json.loads(response.headers[TRIGGER])
    toast = events.get("toast")
    if toast is None or "path" in toast:
        return response
    # A first try that met a deadlock left no row.
    change = Change.objects.select_related("portal").filter(uuid=recorded[0]).first()
    if change is None or change.undoes is not None or not change.may_be_undone:
        return response
    toast |= {"label": _("Undo"), "path": address(change.portal, "change-undo", change=change.uuid), "fields": {}}
    response.headers[TRIGGER] = json.dumps(events)
    return response
