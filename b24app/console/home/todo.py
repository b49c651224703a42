"""What an administrator has to do next, most urgent first; each with its reason and the one step that fixes it."""

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from b24app.console.frame.screen import address
from b24app.console.wording.account_explanations import explain_block
from b24app.console.wording.explained import service_title
from b24app.console.wording.portal_errors import explain_refusal
from b24app.messaging.models import Connection, ConnectionState, Message, Sender, SenderState
from b24app.messaging.models.guards import Rules
from b24app.messaging.models.statuses import Phase
from b24app.portals.models import Portal, Suspension

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
        *_portal_todos(portal),
        *_pause_todos(portal),
        *_connection_todos(portal),
        *_sender_todos(portal),
        *_message_todos(portal),
    ]


def _portal_todos(portal: Portal) -> list[Todo]:
    if portal.no_token_since:
        return [
            Todo(
                "bad",
                "portal",
                _("The portal does not let us in any more"),
                _("Messages go out, but the portal does not learn what became of them. Reconnecting mends it."),
                address(portal, "reconnect"),
                _("Reconnect"),
            )
        ]
    if portal.suspension:
        what, todo = _suspension_texts(portal.suspension)
        return [Todo("bad", "portal", what, todo)]
    return []


def _suspension_texts(kind: str) -> tuple[str, str]:
    meanwhile = _("Messages go out meanwhile; the portal will be told what became of them later.")
    match kind:
        case Suspension.PLAN:
            return _("The portal’s plan does not include applications"), _(
                "Extend the plan of your Bitrix24."
            ) + " " + meanwhile
        case Suspension.PAYMENT:
            return _("The subscription for applications has ended"), _("Extend it in your Bitrix24.") + " " + meanwhile
        case Suspension.OVERLOAD:
            return _("Bitrix24 has stopped our calls for now"), meanwhile
        case _:
            return _("The portal says that Sendline is not installed"), _("Install it again from the Market.")


def _pause_todos(portal: Portal) -> list[Todo]:
    if not Rules.objects.filter(portal=portal, paused_at__isnull=False).exists():
        return []
    words = _("Messages wait, and fail when they are too old. Turn it on in the settings when all is well.")
    return [Todo("warn", "pause", _("All sending is paused"), words, address(portal, "settings"), _("To the settings"))]


def _connection_todos(portal: Portal) -> list[Todo]:
    todos = []
    for connection in Connection.objects.filter(portal=portal).exclude(state=ConnectionState.REMOVED).order_by("pk"):
        there = address(portal, "connection", connection=connection.uuid)
        if connection.state == ConnectionState.BLOCKED:
            why = explain_block(connection)
            icon = "wallet" if connection.blocked_reason == "balance" else "lock"
            todos.append(Todo("bad", icon, str(why.what), str(why.todo), there, _("Mend it")))
        elif connection.breaker_until and connection.breaker_until > timezone.now():
            title = _("{service} does not answer").format(service=service_title(connection.service))
            words = _("Messages of “{account}” wait and are tried again by themselves.")
            todos.append(Todo("warn", "warning", title, words.format(account=connection.title), there, _("Look at it")))
    return todos


def _sender_todos(portal: Portal) -> list[Todo]:
    todos = []
    for sender in Sender.objects.filter(portal=portal, state=SenderState.REFUSED).order_by("pk"):
        why = explain_refusal(sender)
        title = _("The portal has refused the sender “{name}”").format(name=sender.name)
        there = address(portal, "sender", sender=sender.uuid)
        todos.append(Todo("bad", "sender", title, str(why.what), there, _("Mend it")))
    return todos


def _message_todos(portal: Portal) -> list[Todo]:
    unknown = Message.objects.filter(portal=portal, phase=Phase.UNKNOWN)[:MAX_COUNTED].count()
    if not unknown:
        return []
    title = ngettext("{count} message waits for your decision", "{count} messages wait for your decision", unknown)
    words = _("The connection broke after they had left us, so they may or may not have been sent.")
    there = f"{address(portal, 'journal')}?status=unknown"
    return [Todo("", "unknown", title.format(count=unknown), words, there, _("Decide"))]
