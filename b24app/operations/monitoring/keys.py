"""Whether this process has the installation's keys."""

from b24app.core.sealing import require_opened
from b24app.operations.models import KeyCanary
from b24app.portals.models import PortalToken

ONLY = 1  # the primary key of the one row


def verify_keys() -> None:
    """Open the value that the first process sealed, or seal it. Raise CannotOpen with other keys than it had.

    A process whose keys do not open what portals stored seals nothing: the others would be the ones to fail.
    """
    sealed = KeyCanary.objects.filter(pk=ONLY).first()
    if sealed is not None:
        require_opened(sealed.value)
        return
    token = PortalToken.objects.order_by("-pk").first()
    if token is not None:
        require_opened(token.access)
    KeyCanary.objects.bulk_create([KeyCanary(pk=ONLY, value="sealed by this installation")], ignore_conflicts=True)
