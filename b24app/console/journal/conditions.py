"""What the journal's filters stand for: each status group and source as a condition, with its name and its actions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from b24app.messaging.actions.bulk import BulkAction
from b24app.messaging.models.dimensions import NO_FAILURE, has_source
from b24app.messaging.models.statuses import FINAL, Phase, Status
from providers.kit.phones import BadNumber, read_number

EXACT_FROM = 10  # digits; fewer are looked for at the end of the number
DOUBTFUL = "doubtful"  # a status group that `portal_truth` finds, and no condition here
NONE = "none"  # as a country or an employee: those of no one
_LOST = (Status.UNDELIVERED, Status.FAILED)
_BY_RULE = Q(reason__in=NO_FAILURE)
_NO_CONDITION = Q()
_ALL_ACTS = (BulkAction.RESEND, BulkAction.MARK_SENT, BulkAction.CANCEL)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusGroup:
    """Messages that a figure counts together: those of an `indexed` condition, and of another that no index knows."""

    title: str | Promise
    indexed: Q = _NO_CONDITION
    other: Q = _NO_CONDITION
    acts: tuple[BulkAction, ...] = ()


_UNKNOWN = StatusGroup(
    title=_("Unknown"), indexed=Q(phase=Phase.UNKNOWN), acts=(BulkAction.RESEND, BulkAction.MARK_SENT)
)


def _make_lost(title: str | Promise, status: Status, other: Q = _NO_CONDITION) -> StatusGroup:
    return StatusGroup(title=title, indexed=Q(status=status), other=other, acts=(BulkAction.RESEND,))


def _make_scanned(title: str | Promise, condition: Q, *acts: BulkAction) -> StatusGroup:
    return StatusGroup(title=title, other=condition, acts=acts)


STATUS_GROUPS: Mapping[str, StatusGroup] = {
    "waiting": _make_scanned(_("Queued"), Q(phase__in=[Phase.WAITING, Phase.ON_WIRE]), BulkAction.CANCEL),
    "unknown": _UNKNOWN,
    "sent": _make_scanned(_("Sent"), Q(status=Status.SENT)),
    "delivered": _make_scanned(_("Delivered"), Q(status=Status.DELIVERED)),
    "undelivered": _make_lost(_("Not delivered"), Status.UNDELIVERED),
    "failed": _make_lost(_("Failed"), Status.FAILED),
    "canceled": _make_lost(_("Canceled"), Status.FAILED, _BY_RULE),
    "failed-only": _make_lost(_("Failed, without canceled"), Status.FAILED, ~_BY_RULE),
    "not-arrived": _make_scanned(_("Not delivered or failed"), Q(status__in=_LOST), BulkAction.RESEND),
    "rated": _make_scanned(_("Counted in the delivery rate"), Q(status__in=FINAL) & ~_BY_RULE, BulkAction.RESEND),
    "counted": _make_scanned(_("Sent or with a final status"), ~Q(status=Status.QUEUED), BulkAction.RESEND),
    DOUBTFUL: StatusGroup(title=_("May be wrong in Bitrix24")),
}
"""By the code that stands in addresses.

`canceled` are messages that a person or a limit stopped, `failed-only` what a report counts as failed beside them,
`rated` the denominator of the delivery rate and `counted` the messages of a report.
"""

OFFERED_STATUSES = ("waiting", "unknown", "sent", "delivered", "undelivered", "failed", "canceled")
"""Those to choose from; the others are set by links alone."""

SOURCES: Mapping[str, tuple[str | Promise, Q]] = {
    "crm": (_("CRM item"), has_source("crm")),
    "automation": (_("Automation rule or workflow"), has_source("automation")),
    "campaign": (_("Marketing campaign"), has_source("campaign")),
    "other": (_("Other"), has_source("other")),
    "card": (_("Sendline tab"), has_source("card")),
    "test": (_("Test message"), has_source("test")),
    "resend": (_("Resent manually"), has_source("resend")),
}
INDEXED_SOURCES = ("card", "test", "resend")


def possible_acts(status: str) -> tuple[BulkAction, ...]:
    """Return the actions that are possible at all with messages of a status group, or with all."""
    return STATUS_GROUPS[status].acts if status else _ALL_ACTS


def number_condition(typed: str, country: str, column: str = "to") -> tuple[Q, bool]:
    """Return a condition on a phone number, and whether an index knows it.

    The whole number has an index, if enough of it was typed; its last digits have none.
    """
    digits = re.sub(r"[^0-9]", "", typed)
    if not digits:
        return Q(pk__in=[]), True
    if typed.startswith("+") or len(digits) >= EXACT_FROM:
        try:
            return Q(**{column: read_number(typed, country).e164}), True
        except BadNumber:
            pass
    return Q(**{f"{column}__endswith": digits}), False


def author_condition(employee: str) -> Q:
    """Return the condition for an employee's messages by user id, or for those of none."""
    return Q(author_id=None) if employee == NONE else Q(author_id=int(employee))


def country_condition(country: str) -> Q:
    """Return the condition for messages to a country's numbers, or to numbers whose country is not known."""
    return Q(country="") | Q(country=None) if country == NONE else Q(country=country)
