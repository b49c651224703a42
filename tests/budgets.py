"""What strangers may cost in this process, as at its start: each test has all of it."""

import pytest

from b24app.portals.callers import caller_limits


@pytest.fixture(autouse=True)
def fresh_budgets() -> None:
    """Forget what the tests before have used up."""
    caller_limits.portal_refusals.reset()
    caller_limits.anonymous_refusals.reset()
