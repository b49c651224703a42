"""What went wrong with an account, why, and what to do."""

from collections.abc import Mapping

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from b24app.console.wording.explained import Explained, Words, service_hint, service_title
from b24app.messaging.connections.lifecycle import TooManyAccounts
from b24app.messaging.models import Connection
from providers.kit.errors import SmsError

_CHECK_ERRORS: Mapping[str, tuple[Words, Words]] = {
    "auth": (
        _("{service} rejected these credentials."),
        _("Compare them with the values in {service} and test again."),
    ),
    "balance": (
        _("The account is valid, but its {service} balance is used up."),
        _("Top up your {service} account, then test again."),
    ),
    "throttled": (_("{service} received too many requests."), _("Wait a minute, then test again.")),
    "unreachable": (
        _("{service} is not reachable."),
        _("If you entered a custom URL, check it. Otherwise, try again in a few minutes."),
    ),
    "uncertain": (_("{service} did not respond in time."), _("Try again in a few minutes.")),
}

_OTHER_CHECK_ERROR = (
    _("{service} rejected the test."),
    _("See the response below, correct the fields and test again."),
)


def explain_check_error(error: SmsError, service: str) -> Explained:
    """Explain why credentials could not be checked; `service` is its title."""
    what, todo = _CHECK_ERRORS.get(error.reason, _OTHER_CHECK_ERROR)
    return Explained(
        what=str(what).format(service=service),
        todo=gettext(error.hint) if error.hint else str(todo).format(service=service),
        link=error.link,
        code=error.code,
        words=error.words,
    )


def explain_duplicate_account(connection: Connection) -> Explained:
    """Explain why an account is not connected a second time."""
    what = gettext("This account is already connected as “{title}”.").format(title=connection.title)
    return Explained(what=what, todo=_("Add another sender to that account instead."))


def explain_account_limit(full: TooManyAccounts) -> Explained:
    """Explain why no further account can be connected."""
    if full.service:
        what = ngettext(
            "This Bitrix24 has {count} account at {service}, which is the limit.",
            "This Bitrix24 has {count} accounts at {service}, which is the limit.",
            full.limit,
        ).format(count=full.limit, service=service_title(full.service))
    else:
        what = ngettext(
            "This Bitrix24 has {count} account, which is the limit.",
            "This Bitrix24 has {count} accounts, which is the limit.",
            full.limit,
        ).format(count=full.limit)
    todo = _("Disconnect an account you no longer use, or ask Sendline support for a higher limit.")
    return Explained(what=what, todo=todo)


def explain_block(connection: Connection) -> Explained:
    """Explain why a connection is blocked, or that no key of the operator's opens its credentials."""
    if not connection.is_readable:
        unread = gettext("Sendline can no longer read the credentials of “{title}”.").format(title=connection.title)
        return Explained(what=unread, todo=_("Enter new credentials."))
    service = service_title(connection.service)
    hint, link = service_hint(connection.service, connection.error_code)
    if connection.blocked_reason == "balance":
        what, todo = _("Your {service} balance is used up."), _("Top up your {service} account, then resume.")
    else:
        what, todo = _("{service} no longer accepts the credentials."), _("Enter new credentials.")
    return Explained(
        what=what.format(service=service),
        todo=hint or todo.format(service=service),
        link=link,
        code=connection.error_code,
        words=connection.error_words,
    )
