"""What a notice says, in the portal's language."""

from decimal import Decimal, InvalidOperation

from babel.core import Locale
from babel.numbers import format_decimal
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from b24app.messaging.models import Connection
from b24app.messaging.models.notices import Notice, NoticeKind
from b24app.portals.bbcode import strip_links
from b24app.portals.languages import to_django
from b24app.portals.models import Portal
from providers.kit import registry

SILENT = "silent"  # beside the reasons of a block


def text_of(notice: Notice, portal: Portal, connection: Connection | None, *, is_well: bool = False) -> str:
    """The text for the portal, with a link to the application; `is_well`: what was told before is over."""
    with translation.override(to_django(portal.language)):
        words = _well(connection) if is_well else _trouble(notice, connection)
        opens = _("Open Sendline")
        return f"{words} [URL={link_of(portal)}]{opens}[/URL]"


def link_of(portal: Portal) -> str:
    """Where the application is inside the portal."""
    return f"{portal.origin}/marketplace/app/{settings.B24_CLIENT_ID}/"


def _trouble(notice: Notice, connection: Connection | None) -> str:
    match notice.kind:
        case NoticeKind.BROKEN if connection:
            return f"{_account(connection)} {_broken(notice.word, connection)}"
        case NoticeKind.BALANCE if connection:
            words = _("The balance at {service} is low: {amount}.")
            amount = _money(notice.word, connection.currency)
            return f"{_account(connection)} {words.format(service=_service(connection), amount=amount)}"
        case NoticeKind.PORTAL:
            what = _("The portal does not let us in any more.")
            mend = _("Messages go out, but the portal does not learn what became of them. Reconnecting mends it.")
            return f"{what} {mend}"
        case NoticeKind.SENDERS:
            words = _("Senders added again because the portal had lost them: {count}.")
            return words.format(count=notice.word)
    count = int(notice.word)
    words = ngettext("{count} message waits for your decision", "{count} messages wait for your decision", count)
    why = _("The connection broke after they had left us, so they may or may not have been sent.")
    return f"{words.format(count=count)}. {why}"


def _broken(word: str, connection: Connection) -> str:
    service = _service(connection)
    if word == SILENT:
        what, todo = (
            _("{service} does not answer") + ".",
            _("Messages of “{account}” wait and are tried again by themselves."),
        )
    elif word == "balance":
        what, todo = _("The balance at {service} is used up."), _("Top it up at {service}, then turn it on again.")
    else:
        what, todo = _("{service} does not accept the credentials any more."), _("Enter new ones.")
    return f"{what} {todo}".format(service=service, account=strip_links(connection.title))


def _well(connection: Connection | None) -> str:
    if connection is None:
        return " ".join((_("The portal lets us in again."), _("What had to wait is told to the portal at once.")))
    return " ".join((_account(connection), _("It works again: messages go out.")))


def _account(connection: Connection) -> str:
    return f"[B]{strip_links(connection.title)}[/B]:"


def _service(connection: Connection) -> str:
    kind = registry.find(connection.service)
    return kind.title if kind else connection.service


def _money(amount: str, currency: str) -> str:
    try:
        locale = Locale.parse(translation.to_locale(translation.get_language() or "en"))
        figures = format_decimal(Decimal(amount), format="#,##0.00##", locale=locale)
    except (ValueError, InvalidOperation):
        figures = amount
    return f"{currency} {figures}".strip()
