"""What the portal refused or did not answer about a sender, and where that can be mended."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from b24app.console.wording.explanations import Explained, Words
from b24app.messaging.models import Sender
from b24app.portals import errors as portal_errors

_ADDRESS_TODO = _("Whoever runs Sendline must set its public address (PUBLIC_URL) to one that the portal can call.")
_AGAIN = _("Try again; if it stays, send the code below to whoever runs Sendline.")

# The order and the codes of messageservice.sender.add and .update are those of docs/bitrix24.md D.1 and D.2.
_REFUSALS: Mapping[str, tuple[Words, Words, str]] = {
    "Empty sender NAME!": (_("The portal wants a name for the sender."), _("Write at least one."), "name_en"),
    "Empty sender code!": (_("The portal did not get the code of the sender."), _AGAIN, ""),
    "Wrong sender code!": (_("The portal does not accept the code of the sender."), _AGAIN, ""),
    "Empty sender message TYPE!": (_("The portal did not get the kind of the sender."), _AGAIN, ""),
    "Unknown sender message TYPE!": (_("The portal does not know the kind of the sender."), _AGAIN, ""),
    "Empty data!": (_("The portal got an empty request."), _AGAIN, ""),
    "ERROR_SENDER_VALIDATION_FAILURE": (_("The portal does not accept something about the sender."), _AGAIN, ""),
    "ERROR_WRONG_HANDLER_URL": (_("The portal cannot call the address of this Sendline."), _ADDRESS_TODO, ""),
    "ERROR_UNSUPPORTED_PROTOCOL": (_("The portal calls only http and https addresses."), _ADDRESS_TODO, ""),
    "ERROR_HANDLER_URL_MATCH": (
        _("The portal wants the senders on the same host as the application."),
        _ADDRESS_TODO,
        "",
    ),
    "ERROR_SENDER_ALREADY_INSTALLED": (_("The portal already has a sender with this code."), _AGAIN, ""),
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
    "ERROR_SENDER_CODE_REQUIRED": (_("The portal did not get the code of the sender."), _AGAIN, ""),
    "ERROR_SENDER_OTHER_PARAMS_REQUIRED": (_("The portal found nothing to change."), _AGAIN, ""),
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
_REFUSED = (_("The portal refused the sender."), _AGAIN, "")


def _refusal(code: str, words: str) -> tuple[Words, Words, str]:
    return _REFUSALS.get(words) or _REFUSALS.get(code.upper()) or _REFUSED


def of_refusal(sender: Sender) -> Explained:
    """What the portal refused about a sender, and where it can be mended."""
    code, words = sender.error_code, sender.error_words
    what, todo, field = _refusal(code, words)
    return Explained(what=what, todo=todo, code=code, words=words, field=field)


def of_portal(error: portal_errors.PortalError) -> Explained:
    """Why the portal could not be asked."""
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
            what, todo, _field = _refusal(error.code, error.message)
        case _:
            what = _("The portal has not answered.")
            todo = _("The sender is saved here. We look in a minute whether the portal has it, and add it if not.")
    return Explained(what=what, todo=todo, code=error.code, words=error.message)
