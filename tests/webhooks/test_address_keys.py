"""Each call is counted by the key that signed its address, so that it is known when nobody uses an old one."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.db import DatabaseError
from django.db import connection as database
from django.test import Client
from pytest_django.fixtures import Settings

from b24app.core import signed_urls
from b24app.messaging.maintenance import address_uses
from b24app.messaging.models import AddressKeyUse, Sender
from b24app.webhooks import address_keys
from tests import factories
from tests.handler_calls import fields

pytestmark = pytest.mark.django_db(transaction=True)
OLD, NEW = "an-old-key-of-many-characters", "a-new-key-of-many-characters"


@pytest.fixture(autouse=True)
def _uncounted(settings: Settings) -> Iterator[None]:
    settings.ADDRESS_KEYS = [NEW, OLD]
    address_keys._counts.__init__()  # type: ignore[misc]
    address_uses._written.__init__(address_uses.WRITTEN_FOR, address_uses.MAX_WRITTEN)  # type: ignore[misc]
    yield
    address_keys._counts.__init__()  # type: ignore[misc]


def handler(sender: Sender, key: int) -> str:
    return urlsplit(signed_urls.handler_url(sender.uuid.hex, sender.generation, key=key)).path


def call(sender: Sender, key: int, number: int) -> int:
    return Client().post(handler(sender, key), fields(message_id=f"m{number}")).status_code


def counted() -> dict[tuple[int, str], int]:
    """Return the calls by the key's place and kind."""
    address_keys.store_counted()
    places = {signed_urls.address_id(place): place for place in range(2)}
    return {(places[use.address_id], use.kind): use.calls for use in AddressKeyUse.objects.all()}


def test_messages_and_events_are_counted_by_key_and_strangers_are_not(sender: Sender) -> None:
    assert [call(sender, key, number) for number, key in enumerate([0, 1, 1])] == [200] * 3
    stranger = handler(sender, 0).replace(signed_urls.sign_address("handler", sender.uuid.hex, "1"), "x" * 22)
    assert Client().post(stranger, fields()).status_code == 403
    events = urlsplit(signed_urls.events_url(sender.portal.uuid.hex, 1)).path
    Client().post(events, "event=ONAPPUPDATE", content_type="application/x-www-form-urlencoded")
    assert counted() == {(0, "handler"): 1, (1, "handler"): 2, (0, "events"): 1}
    call(sender, 0, 4)
    assert counted()[0, "handler"] == 2
    first = AddressKeyUse.objects.get(calls=2, address_id=signed_urls.address_id())
    assert first.first_at < first.last_at


def test_it_is_known_with_which_key_an_account_reports(sender: Sender, settings: Settings) -> None:
    alice = factories.connection(sender.portal, "africastalking")
    charlie = factories.connection(factories.portal(), "africastalking")
    reference = factories.message(sender).reference.hex
    new, on_message = signed_urls.report_url(alice.uuid.hex), signed_urls.report_url(alice.uuid.hex, reference)
    settings.ADDRESS_KEYS = [OLD]
    old = signed_urls.report_url(alice.uuid.hex)
    settings.ADDRESS_KEYS = [NEW, OLD]
    for url, address in ((old, signed_urls.address_id(1)), (new, signed_urls.address_id(0))):
        Client().post(urlsplit(url).path, b"{}", content_type="application/json")
        address_keys.store_counted()
        alice.refresh_from_db()
        assert alice.report_address == address
    Client().post(urlsplit(on_message).path, b"{}", content_type="application/json")
    assert counted() == {(0, "account"): 1, (1, "account"): 1, (0, "report"): 1}
    charlie.refresh_from_db()
    assert charlie.report_address == ""


def test_what_cannot_be_written_down_is_not_forgotten(sender: Sender) -> None:
    call(sender, 0, 1)
    with database.cursor() as cursor:
        cursor.execute("ALTER TABLE messaging_addresskeyuse RENAME TO gone")
    try:
        with pytest.raises(DatabaseError):
            address_keys.store_counted()
    finally:
        with database.cursor() as cursor:
            cursor.execute("ALTER TABLE gone RENAME TO messaging_addresskeyuse")
    call(sender, 0, 2)
    assert counted() == counted() == {(0, "handler"): 2}
