"""What an administrator has to do next, most urgent first; each with its reason and the one step that fixes it."""

from dataclasses import dataclass

from babel.dates import format_datetime
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from b24app.audit import lookup
from b24app.audit.models import Action, Change, Kind
from b24app.console.formats import locales
from b24app.console.frame.screen import address
from b24app.console.wording.account_explanations import explain_block
from b24app.console.wording.employees import EmployeeNames
from b24app.console.wording.explained import service_title
from b24app.console.wording.launch_errors import lacks_permission, suspension_texts
from b24app.console.wording.portal_errors import explain_refusal, find_refusal
from b24app.messaging.models import Connection, ConnectionState, Message, Sender, SenderState
from b24app.messaging.models.guards import Rules
from b24app.messaging.models.statuses import Phase
from b24app.messaging.statistics.demo_accounts import demo_accounts
from b24app.portals.models import CopyState, Portal, PortalCopy
from b24app.portals.rest import error_policy

MAX_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Todo:
    """`mark` is the class of its dot; without `href` there is no button."""

    mark: str
    icon: str
    title: str
    words: str
    href: str = ""
    button: str = ""


def list_todos(portal: Portal) -> list[Todo]:
    """Return everything that waits for an administrator of this portal."""
    return [
        *_copy_todos(portal),
        *list_portal_todos(portal),
        *_pause_todos(portal),
        *_connection_todos(portal),
        *_sender_todos(portal),
        *_message_todos(portal),
    ]


def list_portal_todos(portal: Portal) -> list[Todo]:
    """Return what keeps Bitrix24 from being called, if anything does."""
    if portal.no_token_since:
        return [
            Todo(
                "bad",
                "portal",
                _("Sendline has lost access to Bitrix24"),
                _("Messages are still being sent, but Bitrix24 does not receive their status. Reconnect to fix this."),
                address(portal, "reconnect"),
                _("Reconnect"),
            )
        ]
    is_away = portal.suspension in error_policy.AWAY and not portal.seems_uninstalled  # closed for a while, perhaps
    if portal.suspension and not is_away:
        what, todo = suspension_texts(portal.suspension)
        meanwhile = _("Messages are still being sent. Bitrix24 will get their status later.")
        return [Todo("bad", "portal", str(what), f"{todo} {meanwhile}".strip())]
    if lacks_permission(portal.trouble):
        what, todo, _field = find_refusal("INSUFFICIENT_SCOPE")
        return [Todo("bad", "portal", str(what), str(todo))]
    if portal.silent_since or is_away:
        words = _("Messages are still being sent. Bitrix24 will get their status later.")
        return [Todo("warn", "portal", _("Bitrix24 is not responding"), words)]
    return []


def _copy_todos(portal: Portal) -> list[Todo]:
    noticed = PortalCopy.objects.filter(portal=portal, state=CopyState.NOTICED, checked_at__isnull=False)
    return [
        Todo(
            "bad",
            "portal",
            _("{host} uses the ID of your Bitrix24").format(host=copy.host),
            _("It may be a copy of your Bitrix24. Its messages are on hold until you allow or block the address."),
            address(portal, "copies"),
            _("Review"),
        )
        for copy in noticed.order_by("pk")
    ]


def _pause_todos(portal: Portal) -> list[Todo]:
    if not Rules.objects.filter(portal=portal, paused_at__isnull=False).exists():
        return []
    words = _("Messages stay queued and fail when they expire. Resume sending in Settings when you’re ready.")
    if pause := lookup.latest_change(portal, Kind.PORTAL, portal.pk, [Action.PAUSED]):
        words = f"{_describe_pause(portal, pause)} {words}"
    return [Todo("warn", "pause", _("All sending is paused"), words, address(portal, "settings"), _("Go to settings"))]


def _describe_pause(portal: Portal, pause: Change) -> str:
    who = EmployeeNames.load(portal, [pause.user_id]).actor_name(pause.user_id)
    at = format_datetime(timezone.localtime(pause.at), "short", locale=locales.current())
    return _("Paused by %(who)s since %(at)s.") % {"who": who, "at": at}


def _connection_todos(portal: Portal) -> list[Todo]:
    todos = []
    for connection in Connection.objects.filter(portal=portal).exclude(state=ConnectionState.REMOVED).order_by("pk"):
        there = address(portal, "connection", connection=connection.uuid)
        if connection.state == ConnectionState.BLOCKED or not connection.is_readable:
            why = explain_block(connection)
            icon = "wallet" if connection.blocked_reason == "balance" else "lock"
            todos.append(Todo("bad", icon, str(why.what), str(why.todo), there, _("Fix")))
        elif connection.breaker_until and connection.breaker_until > timezone.now():
            title = _("{service} is not responding").format(service=service_title(connection.service))
            words = _("Messages from “{account}” are queued and retried automatically.")
            todos.append(Todo("warn", "warning", title, words.format(account=connection.title), there, _("View")))
    return todos


def _sender_todos(portal: Portal) -> list[Todo]:
    todos = []
    for sender in Sender.objects.filter(portal=portal, state=SenderState.REFUSED).order_by("pk"):
        why = explain_refusal(sender)
        title = _("Bitrix24 rejected the sender “{name}”").format(name=sender.name)
        there = address(portal, "sender", sender=sender.uuid)
        todos.append(Todo("bad", "sender", title, str(why.what), there, _("Fix")))
    return todos


def _message_todos(portal: Portal) -> list[Todo]:
    mine = Message.objects.filter(portal=portal, phase=Phase.UNKNOWN).exclude(connection__in=demo_accounts(portal))
    unknown = mine[:MAX_COUNTED].count()
    if not unknown:
        return []
    title = ngettext("{count} message needs your review", "{count} messages need your review", unknown)
    words = _("The connection was lost before the service confirmed them, so they may or may not have been sent.")
    there = f"{address(portal, 'journal')}?status=unknown"
    return [Todo("", "unknown", title.format(count=unknown), words, there, _("Review"))]
