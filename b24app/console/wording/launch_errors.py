"""What keeps Bitrix24 from telling who opened a page, in the words of the person who can mend it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from b24app.console.wording.explained import Words
from b24app.console.wording.portal_errors import find_refusal
from b24app.portals.errors import NotNow, PortalError, PortalGone, PortalRefused
from b24app.portals.models import Suspension

_SUSPENSIONS: Mapping[str, tuple[Words, Words]] = {
    Suspension.PLAN: (_("Your Bitrix24 plan does not include applications"), _("Upgrade your Bitrix24 plan.")),
    Suspension.PAYMENT: (_("Your Market subscription has ended"), _("Renew it in Bitrix24.")),
    Suspension.OVERLOAD: (_("Bitrix24 is limiting our requests"), ""),
}
_NOT_INSTALLED = (_("Sendline is not installed in Bitrix24"), _("Reinstall Sendline from the Market."))
# By the code of what is raised when such a suspension begins.
_BEGINS: Mapping[str, str] = {
    "ACCESS_DENIED": Suspension.PLAN,
    "PAYMENT_REQUIRED": Suspension.PAYMENT,
    "OVERLOAD_LIMIT": Suspension.OVERLOAD,
}
_LACKS = {"INSUFFICIENT_SCOPE": "INSUFFICIENT_SCOPE", "INVALID_SCOPE": "INSUFFICIENT_SCOPE"}
_LACKS |= {"ERROR_METHOD_NOT_FOUND": "ERROR_METHOD_NOT_FOUND"}


@dataclass(frozen=True, slots=True)
class LaunchFailure:
    """What stands on the page instead of the application: a title, then sentences."""

    title: Words
    sentences: Sequence[Words]


def suspension_texts(kind: str) -> tuple[Words, Words]:
    """Return what a suspension is, and what ends it, "" if only time does."""
    return _SUSPENSIONS.get(kind, _NOT_INSTALLED)


def explain_launch_error(error: PortalError) -> LaunchFailure | None:
    """Explain why the portal did not say who the visitor is; None where it only did not respond, or may come back."""
    code, is_gone = error.code.upper(), isinstance(error, PortalGone) and not error.is_suspected
    if is_gone or (isinstance(error, NotNow) and code in _BEGINS):
        title, todo = suspension_texts("" if is_gone else _BEGINS[code])
        return LaunchFailure(title, [todo] if todo else [])
    if isinstance(error, PortalRefused) and code in _LACKS:
        what, todo, _field = find_refusal(_LACKS[code])
        return LaunchFailure(_("Sendline can’t work in this Bitrix24 yet"), [what, todo])
    return None


def lacks_permission(trouble: str) -> bool:
    """Return whether the portal's last trouble is a permission that Sendline cannot do without."""
    return trouble.partition(":")[0] in ("INSUFFICIENT_SCOPE", "INVALID_SCOPE")
