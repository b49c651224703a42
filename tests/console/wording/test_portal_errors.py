"""What people read when a portal could not be asked."""

import pytest

from b24app.console.wording.portal_errors import explain_portal_error
from b24app.portals.errors import PortalGone


@pytest.mark.parametrize(
    ("is_suspected", "what", "todo"),
    [
        (False, "Sendline is no longer installed in Bitrix24.", "Reinstall Sendline from the Market."),
        (
            True,
            "Bitrix24 did not respond.",
            "The sender is saved. We check in a minute whether Bitrix24 has it, and add it if not.",
        ),
    ],
)
def test_nobody_is_told_to_install_again_while_that_is_only_suspected(is_suspected: bool, what: str, todo: str) -> None:
    explained = explain_portal_error(PortalGone("NOT_INSTALLED", is_suspected=is_suspected))
    assert (str(explained.what), str(explained.todo)) == (what, todo)
