"""What the portal refused about a sender, or why it could not be asked, and what to do about it."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from b24app.console.wording.explained import Explained, Words
from b24app.messaging.models import Sender
from b24app.portals import errors as portal_errors

_ADDRESS_TODO = _("Sendline support must set a public URL (PUBLIC_URL) that Bitrix24 can reach.")
_TRY_AGAIN = _("Try again. If the error persists, send the code below to Sendline support.")

# The order and the codes of messageservice.sender.add and .update are those of docs/bitrix24.md D.1 and D.2.
_REFUSALS: Mapping[str, tuple[Words, Words, str]] = {
    "Empty sender NAME!": (_("Bitrix24 requires a sender name."), _("Enter at least one."), "name_en"),
    "Empty sender code!": (_("Bitrix24 did not receive the sender code."), _TRY_AGAIN, ""),
    "Wrong sender code!": (_("Bitrix24 rejected the internal code of this sender."), _TRY_AGAIN, ""),
    "Empty sender message TYPE!": (_("Bitrix24 did not receive the sender type."), _TRY_AGAIN, ""),
    "Unknown sender message TYPE!": (_("Bitrix24 does not know this sender type."), _TRY_AGAIN, ""),
    "Empty data!": (_("Bitrix24 received an empty request."), _TRY_AGAIN, ""),
    "ERROR_SENDER_VALIDATION_FAILURE": (_("Bitrix24 rejected the sender settings."), _TRY_AGAIN, ""),
    "ERROR_WRONG_HANDLER_URL": (_("Bitrix24 cannot reach the Sendline server."), _ADDRESS_TODO, ""),
    "ERROR_UNSUPPORTED_PROTOCOL": (_("Bitrix24 accepts only http and https URLs."), _ADDRESS_TODO, ""),
    "ERROR_HANDLER_URL_MATCH": (
        _("Bitrix24 requires senders on the same host as the application."),
        _ADDRESS_TODO,
        "",
    ),
    "ERROR_SENDER_ALREADY_INSTALLED": (_("Bitrix24 already has a sender with this code."), _TRY_AGAIN, ""),
    "ERROR_SENDER_ADD_FAILURE": (
        _("Bitrix24 could not save the sender."),
        _("Shorten its name and description, then try again."),
        "name_en",
    ),
    "ERROR_SENDER_UPDATE_FAILURE": (
        _("Bitrix24 could not save the change."),
        _("Shorten the name and description, then try again."),
        "name_en",
    ),
    "ERROR_SENDER_NOT_FOUND": (
        _("The sender no longer exists in Bitrix24."),
        _("Try again to add it."),
        "",
    ),
    "ERROR_SENDER_CODE_REQUIRED": (_("Bitrix24 did not receive the sender code."), _TRY_AGAIN, ""),
    "ERROR_SENDER_OTHER_PARAMS_REQUIRED": (_("Bitrix24 found no changes."), _TRY_AGAIN, ""),
    "ACCESS_DENIED": (
        _("Only administrators can add senders, and only from inside Sendline."),
        _("Open Sendline from Bitrix24 as an administrator and try again."),
        "",
    ),
    "INSUFFICIENT_SCOPE": (
        _("Sendline is not allowed to register senders in this Bitrix24."),
        _("Reinstall Sendline, or ask Sendline support to add the “messageservice” permission."),
        "",
    ),
    "ERROR_METHOD_NOT_FOUND": (
        _("This Bitrix24 version does not support senders from applications."),
        _("If you host Bitrix24 yourself, update the “messageservice” module."),
        "",
    ),
}
_OTHER_REFUSAL = (_("Bitrix24 rejected the sender."), _TRY_AGAIN, "")


def find_refusal(code: str, words: str = "") -> tuple[Words, Words, str]:
    """Return what a refusal says, what to do about it, and the form field to correct, "" for none."""
    return _REFUSALS.get(words) or _REFUSALS.get(code.upper()) or _OTHER_REFUSAL


def explain_refusal(sender: Sender) -> Explained:
    """Explain what the portal refused about a sender, and which field to correct."""
    code, words = sender.error_code, sender.error_words
    what, todo, field = find_refusal(code, words)
    return Explained(what=what, todo=todo, code=code, words=words, field=field)


def explain_portal_error(error: portal_errors.PortalError) -> Explained:
    """Explain why the portal could not be asked."""
    what: Words
    todo: Words
    match error:
        case portal_errors.NoToken():
            what = _("Sendline has no access to Bitrix24.")
            todo = _(
                "Your changes are saved in Sendline. Open Sendline from Bitrix24 as an administrator, or "
                "reconnect it in Settings."
            )
        case portal_errors.NotNow():
            what = _("Bitrix24 asked us to slow down.")
            todo = _("The sender is saved and will be registered in Bitrix24 automatically.")
        case portal_errors.PortalGone() if not error.is_suspected:
            what = _("Sendline is no longer installed in Bitrix24.")
            todo = _("Reinstall Sendline from the Market.")
        case portal_errors.PortalRefused():
            what, todo, _field = find_refusal(error.code, error.message)
        case _:
            what = _("Bitrix24 did not respond.")
            todo = _("The sender is saved. We check in a minute whether Bitrix24 has it, and add it if not.")
    return Explained(what=what, todo=todo, code=error.code, words=error.message)
