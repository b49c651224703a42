"""What an administrator has to do next, the gravest first; each with why and the one step that mends it."""

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

MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Duty:
    """`mark` is the class of its dot; no `href`: nothing to press."""

    mark: str
    icon: str
    title: str
    words: str
    href: str = ""
    button: str = ""


def duties(portal: Portal) -> list[Duty]:
    """Everything that waits for an administrator of this portal."""
    return [
        *_of_portal(portal),
        *_of_pauses(portal),
        *_of_connections(portal),
        *_of_senders(portal),
        *_of_messages(portal),
    ]


def _of_portal(portal: Portal) -> list[Duty]:
    if portal.no_token_since:
        return [
            Duty(
                "bad",
                "portal",
                _("The portal does not let us in any more"),
                _("Messages go out, but the portal does not learn what became of them. Reconnecting mends it."),
                address(portal, "reconnect"),
                _("Reconnect"),
            )
        ]
    if portal.suspension:
        what, todo = _suspension(portal.suspension)
        return [Duty("bad", "portal", what, todo)]
    return []


def _suspension(kind: str) -> tuple[str, str]:
    told = _("Messages go out meanwhile; the portal will be told what became of them later.")
    match kind:
        case Suspension.PLAN:
            return _("The portal’s plan does not include applications"), _(
                "Extend the plan of your Bitrix24."
            ) + " " + told
        case Suspension.PAYMENT:
            return _("The subscription for applications has ended"), _("Extend it in your Bitrix24.") + " " + told
        case Suspension.OVERLOAD:
            return _("Bitrix24 has stopped our calls for now"), told
        case _:
            return _("The portal says that Sendline is not installed"), _("Install it again from the Market.")


def _of_pauses(portal: Portal) -> list[Duty]:
    if not Rules.objects.filter(portal=portal, paused_at__isnull=False).exists():
        return []
    words = _("Messages wait, and fail when they are too old. Turn it on in the settings when all is well.")
    return [Duty("warn", "pause", _("All sending is paused"), words, address(portal, "settings"), _("To the settings"))]


def _of_connections(portal: Portal) -> list[Duty]:
    found = []
    for connection in Connection.objects.filter(portal=portal).exclude(state=ConnectionState.REMOVED).order_by("pk"):
        there = address(portal, "connection", connection=connection.uuid)
        if connection.state == ConnectionState.BLOCKED:
            why = explain_block(connection)
            icon = "wallet" if connection.blocked_reason == "balance" else "lock"
            found.append(Duty("bad", icon, str(why.what), str(why.todo), there, _("Mend it")))
        elif connection.breaker_until and connection.breaker_until > timezone.now():
            title = _("{service} does not answer").format(service=service_title(connection.service))
            words = _("Messages of “{account}” wait and are tried again by themselves.")
            found.append(Duty("warn", "warning", title, words.format(account=connection.title), there, _("Look at it")))
    return found


def _of_senders(portal: Portal) -> list[Duty]:
    found = []
    for sender in Sender.objects.filter(portal=portal, state=SenderState.REFUSED).order_by("pk"):
        why = explain_refusal(sender)
        title = _("The portal has refused the sender “{name}”").format(name=sender.name)
        there = address(portal, "sender", sender=sender.uuid)
        found.append(Duty("bad", "sender", title, str(why.what), there, _("Mend it")))
    return found


def _of_messages(portal: Portal) -> list[Duty]:
    unknown = Message.objects.filter(portal=portal, phase=Phase.UNKNOWN)[:MOST_COUNTED].count()
    if not unknown:
        return []
    title = ngettext("{count} message waits for your decision", "{count} messages wait for your decision", unknown)
    words = _("The connection broke after they had left us, so they may or may not have been sent.")
    there = f"{address(portal, 'journal')}?status=unknown"
    return [Duty("", "unknown", title.format(count=unknown), words, there, _("Decide"))]
