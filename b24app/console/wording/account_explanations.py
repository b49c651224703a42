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
        _("{service} does not accept these credentials."),
        _("Compare them with what {service} shows, letter by letter, and check again."),
    ),
    "balance": (
        _("{service} knows this account, but says that its balance is used up."),
        _("Top it up at {service}, then check again."),
    ),
    "throttled": (_("{service} was asked too often."), _("Wait a minute and check again.")),
    "unreachable": (
        _("{service} could not be reached."),
        _("Check the address if you entered one; otherwise try again in a few minutes."),
    ),
    "uncertain": (_("{service} did not answer in time."), _("Try again in a few minutes.")),
}

_OTHER_CHECK_ERROR = (
    _("{service} refused the check."),
    _("Read below what it answered, correct the fields and check again."),
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
    what = gettext("This account is connected already, as “{title}”.").format(title=connection.title)
    return Explained(what=what, todo=_("All its senders go under that one connection: add another sender there."))


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
    """Explain why a connection is blocked."""
    service = service_title(connection.service)
    hint, link = service_hint(connection.service, connection.error_code)
    if connection.blocked_reason == "balance":
        what, todo = _("The balance at {service} is used up."), _("Top it up at {service}, then turn it on again.")
    else:
        what, todo = _("{service} does not accept the credentials any more."), _("Enter new ones.")
    return Explained(
        what=what.format(service=service),
        todo=hint or todo.format(service=service),
        link=link,
        code=connection.error_code,
        words=connection.error_words,
    )
