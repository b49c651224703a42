"""Which portals we call by ourselves."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from b24app.portals.models import Portal, Suspension
from tests import factories

NOW = timezone.now()
EARLIER, LATER = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
PAYMENT = Suspension.PAYMENT


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "called"),
    [
        ({}, True),
        ({"uninstalled_at": EARLIER}, False),
        ({"rest_after": LATER}, False),
        ({"rest_after": EARLIER}, True),
        ({"suspension": PAYMENT, "suspended_until": LATER}, False),
        ({"suspension": PAYMENT, "suspended_until": EARLIER}, True),
        ({"suspension": PAYMENT, "suspended_until": None}, False),
    ],
)
def test_a_portal_is_called_unless_it_is_gone_told_us_to_wait_or_is_suspended(
    fields: dict[str, Any], called: bool
) -> None:
    portal = factories.portal("alice", **fields)
    assert list(Portal.objects.callable_at(NOW)) == ([portal] if called else [])


@pytest.mark.django_db
def test_a_wait_ends_by_the_clock_that_is_passed() -> None:
    portal = factories.portal("alice", rest_after=LATER)
    assert list(Portal.objects.callable_at(NOW)) == []
    assert list(Portal.objects.callable_at(LATER)) == [portal]
