"""The texts of notices, in the portal's language."""

from decimal import Decimal, InvalidOperation

from babel.core import Locale
from babel.numbers import format_decimal, format_percent
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from b24app.messaging.models import Connection, Sender
from b24app.messaging.models.notices import Notice, NoticeKind
from b24app.portals.application_link import application_url
from b24app.portals.bbcode import strip_links
from b24app.portals.languages import to_django
from b24app.portals.models import Portal, PortalCopy
from providers.kit import registry

SILENT = "silent"  # the service does not answer; the other details of an outage are the reasons of a block


def notice_text(
    notice: Notice,
    portal: Portal,
    connection: Connection | None,
    sender: Sender | None = None,
    *,
    is_recovery: bool = False,
) -> str:
    """Return a notification's text with a link to the application; `is_recovery` for the end of the condition."""
    with translation.override(to_django(portal.language)):
        if sender is not None:
            text = _failures_text(notice.word, sender, is_recovery=is_recovery)
        else:
            text = _recovery_text(connection) if is_recovery else _alert_text(notice, connection)
        label = _("Open Sendline")
        return f"{text} [URL={application_url(portal)}]{label}[/URL]"


def _alert_text(notice: Notice, connection: Connection | None) -> str:
    match notice.kind:
        case NoticeKind.BROKEN if connection:
            return f"{_account_heading(connection)} {_outage_text(notice.word, connection)}"
        case NoticeKind.BALANCE if connection:
            text = _("Low balance at {service}: {amount}.")
            amount = _format_money(notice.word, connection.currency)
            return f"{_account_heading(connection)} {text.format(service=_service_title(connection), amount=amount)}"
        case NoticeKind.PORTAL:
            what = _("Sendline has lost access to Bitrix24.")
            todo = _(
                "Messages are still being sent, but Bitrix24 does not receive their status. Reconnect to fix this."
            )
            return f"{what} {todo}"
        case NoticeKind.COPY:
            copy = PortalCopy.objects.filter(pk=notice.subject).first()
            what = _("{host} uses the ID of your Bitrix24").format(host=copy.host if copy else "–")
            todo = _(
                "It may be a copy of your Bitrix24. Its messages are on hold until you allow or block the address."
            )
            return f"{what}. {todo}"
        case NoticeKind.SENDERS:
            text = _("Senders restored in Bitrix24: {count}.")
            return text.format(count=notice.word)
    count = int(notice.word)
    text = ngettext("{count} message needs your review", "{count} messages need your review", count)
    why = _("The connection was lost before the service confirmed them, so they may or may not have been sent.")
    return f"{text.format(count=count)}. {why}"


def _outage_text(reason: str, connection: Connection) -> str:
    service = _service_title(connection)
    if reason == SILENT:
        what, todo = (
            _("{service} is not responding") + ".",
            _("Messages from “{account}” are queued and retried automatically."),
        )
    elif reason == "balance":
        what, todo = _("Your {service} balance is used up."), _("Top up your {service} account, then resume.")
    else:
        what, todo = _("{service} no longer accepts the credentials."), _("Enter new credentials.")
    return f"{what} {todo}".format(service=service, account=strip_links(connection.title))


def _recovery_text(connection: Connection | None) -> str:
    if connection is None:
        return " ".join(
            (_("Sendline has access to Bitrix24 again."), _("Queued status updates are being sent to Bitrix24 now."))
        )
    return " ".join((_account_heading(connection), _("Working again. Messages are being sent.")))


def _failures_text(detail: str, sender: Sender, *, is_recovery: bool) -> str:
    """Return what is said of a sender's failures; `detail` is how many of how many."""
    heading = f"[B]{strip_links(sender.name)}[/B]:"
    if is_recovery:
        return " ".join((heading, _("The failure rate is below your limit again.")))
    failed, ended = map(int, detail.split("/"))
    what = ngettext(
        "{failed} of {count} message in the last hour was not delivered or failed ({percent}).",
        "{failed} of {count} messages in the last hour were not delivered or failed ({percent}).",
        ended,
    )
    locale = Locale.parse(translation.to_locale(translation.get_language() or "en"))
    percent = format_percent(failed / ended, locale=locale)
    todo = _("Reports show the most frequent errors.")
    return f"{heading} {what.format(failed=failed, count=ended, percent=percent)} {todo}"


def _account_heading(connection: Connection) -> str:
    return f"[B]{strip_links(connection.title)}[/B]:"


def _service_title(connection: Connection) -> str:
    service = registry.find(connection.service)
    return service.title if service else connection.service


def _format_money(amount: str, currency: str) -> str:
    try:
        locale = Locale.parse(translation.to_locale(translation.get_language() or "en"))
        figures = format_decimal(Decimal(amount), format="#,##0.00##", locale=locale)
    except (ValueError, InvalidOperation):
        figures = amount
    return f"{currency} {figures}".strip()
