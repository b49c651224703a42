"""A new SECRET_KEY, with the former one as a fallback: nobody who works in Sendline notices."""

import pytest
from pytest_django.fixtures import Settings

from tests import factories

pytestmark = pytest.mark.django_db


def test_a_page_that_is_open_goes_on_while_the_former_key_is_a_fallback(settings: Settings) -> None:
    alice = factories.visitor(portal := factories.portal())
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "a-new-one", [settings.SECRET_KEY]
    assert alice.get(f"/p/{portal.uuid.hex}/senders/").status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert alice.get(f"/p/{portal.uuid.hex}/senders/").status_code == 401
