"""Recorded changes in words: what was done, and how each field was before and after."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.dateparse import parse_duration
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy, pgettext, pgettext_lazy

from b24app.audit.models import Action, Change, Kind

Words = str | Promise
MAX_VALUE = 60  # characters

KINDS: Mapping[str, Words] = {
    Kind.PORTAL: gettext_lazy("Bitrix24"),
    Kind.SENDER: gettext_lazy("Senders"),
    Kind.ACCOUNT: gettext_lazy("Accounts"),
    Kind.MESSAGE: gettext_lazy("Messages"),
    Kind.OPT_OUT: gettext_lazy("Opt-outs"),
    Kind.LIMITS: gettext_lazy("Sending limits and quiet hours"),
    Kind.SETTINGS: gettext_lazy("Settings"),
    Kind.NOTICES: gettext_lazy("Notifications"),
    Kind.TEMPLATE: gettext_lazy("Text templates"),
    Kind.FILE: gettext_lazy("Exports"),
    Kind.NUMBER: gettext_lazy("Personal data"),
}

_SENTENCES: Mapping[tuple[str, str], Words] = {
    (Kind.PORTAL, Action.PAUSED): gettext_lazy("All sending paused"),
    (Kind.PORTAL, Action.RESUMED): gettext_lazy("All sending resumed"),
    (Kind.PORTAL, Action.INSTALLED): gettext_lazy("Sendline installed"),
    (Kind.PORTAL, Action.UNINSTALLED): gettext_lazy("Sendline uninstalled"),
    (Kind.PORTAL, Action.RECONNECTED): gettext_lazy("Bitrix24 reconnected"),
    (Kind.PORTAL, Action.ADDED): gettext_lazy("Address allowed"),
    (Kind.PORTAL, Action.BLOCKED): gettext_lazy("Address blocked"),
    (Kind.SENDER, Action.ADDED): gettext_lazy("Sender added"),
    (Kind.SENDER, Action.EDITED): gettext_lazy("Sender edited"),
    (Kind.SENDER, Action.REMOVED): gettext_lazy("Sender removed"),
    (Kind.SENDER, Action.RESTORED): gettext_lazy("Sender restored"),
    (Kind.SENDER, Action.PAUSED): gettext_lazy("Sender paused"),
    (Kind.SENDER, Action.RESUMED): gettext_lazy("Sender resumed"),
    (Kind.SENDER, Action.ADDRESS): gettext_lazy("Handler URL renewed"),
    (Kind.ACCOUNT, Action.ADDED): gettext_lazy("Account connected"),
    (Kind.ACCOUNT, Action.EDITED): gettext_lazy("Account renamed"),
    (Kind.ACCOUNT, Action.REMOVED): gettext_lazy("Account disconnected"),
    (Kind.ACCOUNT, Action.PAUSED): gettext_lazy("Account paused"),
    (Kind.ACCOUNT, Action.RESUMED): gettext_lazy("Account resumed"),
    (Kind.ACCOUNT, Action.BLOCKED): gettext_lazy("Account stopped: the service rejects it"),
    (Kind.ACCOUNT, Action.CREDENTIALS): gettext_lazy("Credentials replaced"),
    (Kind.MESSAGE, Action.RESENT): gettext_lazy("Message resent"),
    (Kind.MESSAGE, Action.MARKED_SENT): gettext_lazy("Message marked as sent"),
    (Kind.MESSAGE, Action.CANCELED): gettext_lazy("Message canceled"),
    (Kind.OPT_OUT, Action.ADDED): gettext_lazy("Opt-out added"),
    (Kind.OPT_OUT, Action.REMOVED): gettext_lazy("Opt-out removed"),
    (Kind.OPT_OUT, Action.RESTORED): gettext_lazy("Opt-out restored"),
    (Kind.LIMITS, Action.EDITED): gettext_lazy("Sending limits and quiet hours changed"),
    (Kind.SETTINGS, Action.EDITED): gettext_lazy("Settings changed"),
    (Kind.NOTICES, Action.EDITED): gettext_lazy("Notification settings changed"),
    (Kind.TEMPLATE, Action.ADDED): gettext_lazy("Text template added"),
    (Kind.TEMPLATE, Action.EDITED): gettext_lazy("Text template edited"),
    (Kind.TEMPLATE, Action.REMOVED): gettext_lazy("Text template deleted"),
    (Kind.NUMBER, Action.ERASED): gettext_lazy("Erasure of personal data started"),
}
_MANY: Mapping[tuple[str, str], Any] = {  # plurals that are chosen when they are formatted
    (Kind.SENDER, Action.ADDRESS): ngettext_lazy(
        "Handler URL of {count} sender renewed", "Handler URLs of {count} senders renewed", "count"
    ),
    (Kind.SENDER, Action.RESTORED): ngettext_lazy(
        "{count} sender missing in Bitrix24 restored", "{count} senders missing in Bitrix24 restored", "count"
    ),
    (Kind.MESSAGE, Action.RESENT): ngettext_lazy("{count} message resent", "{count} messages resent", "count"),
    (Kind.MESSAGE, Action.MARKED_SENT): ngettext_lazy(
        "{count} message marked as sent", "{count} messages marked as sent", "count"
    ),
    (Kind.MESSAGE, Action.CANCELED): ngettext_lazy("{count} message canceled", "{count} messages canceled", "count"),
    (Kind.OPT_OUT, Action.IMPORTED): ngettext_lazy("{count} opt-out imported", "{count} opt-outs imported", "count"),
}
_FILES: Mapping[str, Words] = {
    "journal-file": gettext_lazy("Messages exported"),
    "reports-file": gettext_lazy("Report exported"),
    "stoplist-file": gettext_lazy("Opt-outs exported"),
    "personal-file": gettext_lazy("Personal data exported"),
    "support-file": gettext_lazy("Diagnostics downloaded"),
    "changes-file": gettext_lazy("Changes exported"),
}
_FIELDS: Mapping[str, Words] = {
    "country": gettext_lazy("Default country"),
    "time_zone": gettext_lazy("Time zone"),
    "hide_numbers": gettext_lazy("Hide phone numbers from employees"),
    "keep_texts": gettext_lazy("Keep texts and phone numbers"),
    "keep_messages": gettext_lazy("Keep messages"),
    "keep_exchanges": gettext_lazy("Keep technical logs"),
    "portal_per_hour": gettext_lazy("All senders, per hour"),
    "employee_per_hour": gettext_lazy("Per employee and hour"),
    "recipient_per_hour": gettext_lazy("Per recipient and hour"),
    "recipient_per_day": gettext_lazy("Per recipient and day"),
    "per_hour": gettext_lazy("Hourly limit"),
    "per_day": gettext_lazy("Daily limit"),
    "quiet_from": gettext_lazy("Quiet hours from"),
    "quiet_until": gettext_lazy("Quiet hours to"),
    "duplicate_minutes": gettext_lazy("Duplicate warning, minutes"),
    "user_ids": gettext_lazy("Recipients"),
    "broken": gettext_lazy("Outages"),
    "undecided": gettext_lazy("Messages to review"),
    "senders": gettext_lazy("Restored senders"),
    "balance": gettext_lazy("Low balance"),
    "low_balance": gettext_lazy("Low balance"),
    "failures": gettext_lazy("High failure rate"),
    "failure_percent": gettext_lazy("Failure rate from, percent"),
    "failure_messages": gettext_lazy("Failed messages from"),
    "title": gettext_lazy("Account name"),
    "names": gettext_lazy("Name"),
    "descriptions": gettext_lazy("Description"),
    "signature": gettext_lazy("Sender ID"),
    "options": gettext_lazy("Service options"),
    "bulk": gettext_lazy("Low priority (campaigns)"),
    "max_age": gettext_lazy("Expire after"),
    "transactional": gettext_lazy("Send during quiet hours"),
    "smart": gettext_lazy("Replace curly quotes, long dashes and special spaces"),
    "latin": gettext_lazy("Convert to Latin letters"),
    "template_name": gettext_lazy("Template name"),
    "template_text": gettext_lazy("Text"),
    "fields": pgettext_lazy("credentials", "Fields"),
    "keep_stopped": gettext_lazy("Keep on opt-out list"),
}
HIDDEN = frozenset({"state", "service", "file", "reason", "code"})  # the sentence says it, or nobody needs it


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field with its values; both "" where only that it changed is recorded."""

    label: str
    before: str
    after: str


def describe_change(change: Change) -> str:
    """Return what was done, as a sentence without its object."""
    key = (change.kind, change.action)
    if change.kind == Kind.FILE:
        return str(_FILES.get(str(change.after.get("file")), _("File exported")))
    if key in _MANY and (change.object_id is None or key not in _SENTENCES):
        return str(_MANY[key].format(count=change.count))
    return str(_SENTENCES.get(key, f"{change.kind} {change.action}"))


def describe_fields(change: Change, names: Mapping[int, str]) -> list[FieldChange]:
    """Return the fields that changed; `names` are those of employees."""
    fields = [name for name in change.after if name not in HIDDEN]
    return [_describe_field(name, change, names) for name in fields]


def _describe_field(name: str, change: Change, names: Mapping[int, str]) -> FieldChange:
    label = str(_FIELDS.get(name, name))
    before, after = change.before.get(name), change.after[name]
    if before is None and after is None:
        return FieldChange(label, "", "")
    if name not in change.before:
        return FieldChange(label, "", _format_value(name, after, names))
    return FieldChange(label, _format_value(name, before, names), _format_value(name, after, names))


def _format_value(name: str, value: object, names: Mapping[int, str]) -> str:
    if value is None or value in ("", [], {}):
        return pgettext("value", "none")
    match value:
        case bool():
            return pgettext("value", "on") if value else pgettext("value", "off")
        case list():
            shown = [names.get(one, str(one)) if name == "user_ids" else str(one) for one in value]
        case dict():
            shown = [f"{key}: {one}" for key, one in value.items()]
        case str() if (period := parse_duration(value) if value.startswith("P") else None) is not None:
            return _format_period(period)
        case _:
            shown = [str(value)]
    text = ", ".join(shown)
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"


def _format_period(period: timedelta) -> str:
    hours = round(period / timedelta(hours=1))
    if hours % 24 or hours < 48:
        return ngettext("{count} hour", "{count} hours", hours).format(count=hours)
    return ngettext("{count} day", "{count} days", hours // 24).format(count=hours // 24)
