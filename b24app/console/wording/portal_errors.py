"""What the portal refused about a sender, or why it could not be asked, and what to do about it."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from b24app.console.wording.explained import Explained, Words
from b24app.messaging.models import Sender
from b24app.portals import errors as portal_errors

_ADDRESS_TODO = _("Whoever runs Sendline must set its public address (PUBLIC_URL) to one that the portal can call.")
_TRY_AGAIN = _("Try again; if it stays, send the code below to whoever runs Sendline.")

# The order and the codes of messageservice.sender.add and .update are those of docs/bitrix24.md D.1 and D.2.
_REFUSALS: Mapping[str, tuple[Words, Words, str]] = {
    "Empty sender NAME!": (_("The portal wants a name for the sender."), _("Write at least one."), "name_en"),
    "Empty sender code!": (_("The portal did not get the code of the sender."), _TRY_AGAIN, ""),
    "Wrong sender code!": (_("The portal does not accept the code of the sender."), _TRY_AGAIN, ""),
    "Empty sender message TYPE!": (_("The portal did not get the kind of the sender."), _TRY_AGAIN, ""),
    "Unknown sender message TYPE!": (_("The portal does not know the kind of the sender."), _TRY_AGAIN, ""),
    "Empty data!": (_("The portal got an empty request."), _TRY_AGAIN, ""),
    "ERROR_SENDER_VALIDATION_FAILURE": (_("The portal does not accept something about the sender."), _TRY_AGAIN, ""),
    "ERROR_WRONG_HANDLER_URL": (_("The portal cannot call the address of this Sendline."), _ADDRESS_TODO, ""),
    "ERROR_UNSUPPORTED_PROTOCOL": (_("The portal calls only http and https addresses."), _ADDRESS_TODO, ""),
    "ERROR_HANDLER_URL_MATCH": (
        _("The portal wants the senders on the same host as the application."),
        _ADDRESS_TODO,
        "",
    ),
    "ERROR_SENDER_ALREADY_INSTALLED": (_("The portal already has a sender with this code."), _TRY_AGAIN, ""),
    "ERROR_SENDER_ADD_FAILURE": (
        _("The portal could not save the sender."),
        _("Shorten its name and description, then try again."),
        "name_en",
    ),
    "ERROR_SENDER_UPDATE_FAILURE": (
        _("The portal could not save the change."),
        _("Shorten the name and description, then try again."),
        "name_en",
    ),
    "ERROR_SENDER_NOT_FOUND": (
        _("The portal does not have this sender any more."),
        _("Try again: it is added anew."),
        "",
    ),
    "ERROR_SENDER_CODE_REQUIRED": (_("The portal did not get the code of the sender."), _TRY_AGAIN, ""),
    "ERROR_SENDER_OTHER_PARAMS_REQUIRED": (_("The portal found nothing to change."), _TRY_AGAIN, ""),
    "ACCESS_DENIED": (
        _("The portal lets only administrators add senders, and only from inside the application."),
        _("Open Sendline from the portal as an administrator and try again."),
        "",
    ),
    "INSUFFICIENT_SCOPE": (
        _("The application may not register senders in this portal."),
        _("Reinstall it, or ask whoever runs Sendline to add the permission “messageservice”."),
        "",
    ),
    "ERROR_METHOD_NOT_FOUND": (
        _("This portal does not know how to register senders."),
        _("On a server of your own, update the module “messageservice”."),
        "",
    ),
}
_OTHER_REFUSAL = (_("The portal refused the sender."), _TRY_AGAIN, "")


def _find_refusal(code: str, words: str) -> tuple[Words, Words, str]:
    return _REFUSALS.get(words) or _REFUSALS.get(code.upper()) or _OTHER_REFUSAL


def explain_refusal(sender: Sender) -> Explained:
    """Explain what the portal refused about a sender, and which field to correct."""
    code, words = sender.error_code, sender.error_words
    what, todo, field = _find_refusal(code, words)
    return Explained(what=what, todo=todo, code=code, words=words, field=field)


def explain_portal_error(error: portal_errors.PortalError) -> Explained:
    """Explain why the portal could not be asked."""
    what: Words
    todo: Words
    match error:
        case portal_errors.NoToken():
            what = _("Sendline has no working access to the portal.")
            todo = _(
                "What you entered is saved here. Open Sendline from the portal once more as an administrator, "
                "or reconnect it in Settings."
            )
        case portal_errors.NotNow():
            what = _("The portal asks us to wait.")
            todo = _("The sender is saved here and is registered as soon as the portal lets us.")
        case portal_errors.PortalGone():
            what = _("The portal says that Sendline is not installed there any more.")
            todo = _("Install it again from the Market.")
        case portal_errors.PortalRefused():
            what, todo, _field = _find_refusal(error.code, error.message)
        case _:
            what = _("The portal has not answered.")
            todo = _("The sender is saved here. We look in a minute whether the portal has it, and add it if not.")
    return Explained(what=what, todo=todo, code=error.code, words=error.message)
