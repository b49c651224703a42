"""A saved secret goes only where it was entered for: over the whole registry, at the console's own form."""

import re
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from b24app.messaging.models import Connection
from providers.kit import registry
from providers.kit.contract import Provider
from providers.kit.fields import Choice, Field, Host, Number, Secret, Url
from providers.kit.testing import make_account
from tests import factories
from tests.providers.kit.loopback import answer, listening, says

pytestmark = pytest.mark.django_db

PLACES = [(service, field) for service in registry.services().values() for field in service.fields if field.directs]
every_place = pytest.mark.parametrize(
    ("service", "field"), PLACES, ids=[f"{service.code}-{field.name}" for service, field in PLACES]
)


@pytest.fixture(autouse=True)
def _loopback_is_allowed(settings: LazySettings) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = ["127.0.0.0/8"]


def leading_to(field: Field, port: int, saved: str = "") -> str:
    """Return a field's value that leads to a port of this machine; for other fields, one that differs from `saved`."""
    match field:
        case Url():
            return f"http://127.0.0.1:{port}/sms"
        case Host():
            return f"127.0.0.1:{port}"
        case Number():
            return str(port)
        case Choice():
            return next(value for value, _label in field.choices if value != saved)
        case _:
            return f"{saved}\nX-More: {{password}}"


def account_at(service: type[Provider], port: int) -> dict[str, str]:
    """Return an account whose every address leads to a port of this machine."""
    given = {one.name: leading_to(one, port) for one in service.fields if isinstance(one, Url | Host | Number)}
    wanted = {one.name for one in service.fields if one.directs}
    return make_account(service, **{name: value for name, value in given.items() if name in wanted})


def post(connection: Connection, account: dict[str, str], **changes: str) -> Any:
    """Return what Alice's browser sends: every field as it is, the secrets blank, and her changes."""
    secrets = {one.name for one in registry.get(connection.service).fields if isinstance(one, Secret)}
    typed = {name: "" if name in secrets else value for name, value in account.items()} | changes
    alice = factories.visitor(connection.portal)
    address = f"/p/{connection.portal.uuid.hex}/senders/accounts/{connection.uuid}/"
    return alice.post(address, {f"account-{name}": value for name, value in typed.items()})


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@every_place
def test_a_changed_place_asks_for_the_secrets_and_nobody_is_asked_before(service: type[Provider], field: Field) -> None:
    ok = says(answer(b'{"balance": 1, "sid": "SM1"}'))
    with listening(ok) as old, listening(ok) as new:
        account = account_at(service, old.port)
        connection = factories.connection(factories.portal(), service.code, account=account)
        response = post(connection, account, **{field.name: leading_to(field, new.port, account[field.name])})
        assert (old.connections, new.connections) == (0, 0)

    assert response.status_code == 200
    assert "so enter this again" in text(response)
    for secret in (one for one in service.fields if isinstance(one, Secret)):
        assert f'id="id_account-{secret.name}_error"' in response.content.decode()
        assert account[secret.name] not in response.content.decode()
    connection.refresh_from_db()
    assert connection.account == account


def test_the_secret_that_is_entered_again_goes_to_the_new_place() -> None:
    with listening(says(answer(b'{"sid": "AC1", "friendly_name": "Alice"}'))) as new:
        account = {"account_sid": "AC" + "1" * 32, "auth_token": "sentinel-token", "base_url": "https://127.0.0.1:9"}
        connection = factories.connection(factories.portal(), "twilio", account=account)
        response = post(connection, account, base_url=new.url, auth_token="sentinel-again")
        assert "HX-Location" in response
        assert new.connections == 1
        assert not any(b"sentinel-token" in request for request in new.requests)

    connection.refresh_from_db()
    assert (connection.account["base_url"], connection.account["auth_token"]) == (new.url, "sentinel-again")


def test_a_place_that_stays_keeps_its_secret() -> None:
    with listening(says(answer(b'{"sid": "AC1", "friendly_name": "Alice"}'))) as there:
        account = {"account_sid": "AC" + "1" * 32, "auth_token": "sentinel-token", "base_url": there.url}
        connection = factories.connection(factories.portal(), "twilio", account=account)
        assert "HX-Location" in post(connection, account, messaging_service_sid="MG" + "2" * 32)

    connection.refresh_from_db()
    assert connection.account["auth_token"] == "sentinel-token"


def test_a_key_in_a_saved_template_is_pointed_out_by_itself() -> None:
    """What is wrong with the address now is said first; that it has changed is said once it is right."""
    account = {"url": "https://gw.example.com/?apikey=abc", "body": "to={to}", "password": "sentinel-password"}
    connection = factories.connection(factories.portal(), "http", account=account)
    page = text(post(connection, account, login="template", method="POST", content="form", id_from="none"))

    assert "looks like a password or key" in page
    assert "so enter this again" not in page
    moved = account | {"url": "https://gw.example.com/?apikey={password}"}
    page = text(post(connection, moved, login="template", method="POST", content="form", id_from="none"))
    assert "“URL” has changed, so enter this again" in page
    assert "HX-Location" in post(connection, moved | {"method": "POST"}, password="abc", login="template")


PLAIN = {"kannel", "http"}  # gateways that companies run in their own network
ADDRESSES = [(service, field) for service, field in PLACES if isinstance(field, Url) and service.code not in PLAIN]


@pytest.mark.parametrize(
    ("service", "field"), ADDRESSES, ids=[f"{service.code}-{field.name}" for service, field in ADDRESSES]
)
@pytest.mark.parametrize("address", ["http://198.51.100.7/", "HTTP://api.example.com", "http://localhost:8080"])
def test_no_secret_travels_unencrypted_to_a_service_that_speaks_https(
    service: type[Provider], field: Field, address: str
) -> None:
    account = make_account(service)
    typed = {f"account-{name}": value for name, value in (account | {field.name: address}).items()}
    portal = factories.portal()
    response = factories.visitor(portal).post(f"/p/{portal.uuid.hex}/senders/connect/{service.code}/", typed)

    assert "With http://, the credentials would be sent unencrypted" in text(response)
    assert not Connection.objects.exists()


@pytest.mark.parametrize("code", sorted(PLAIN))
def test_a_gateway_of_ones_own_may_speak_http_and_its_form_says_what_that_means(code: str) -> None:
    service, portal = registry.get(code), factories.portal()
    [field] = [one for one in service.fields if isinstance(one, Url)]
    account = make_account(service, **{field.name: "http://gateway.example.com:13013/send"})
    alice: Client = factories.visitor(portal)
    here = f"/p/{portal.uuid.hex}/senders/connect/{code}/"

    assert "With http://, the credentials and the texts are sent unencrypted" in text(alice.get(here))
    assert "HX-Location" in alice.post(here, {f"account-{name}": value for name, value in account.items()})
    assert Connection.objects.get().account == account


def test_a_listener_of_these_tests_is_really_reached() -> None:
    """Else the tests above would be green whatever the console does."""
    with listening(says(answer(b"{}"))) as gate:
        account = account_at(registry.get("twilio"), gate.port)
        connection = factories.connection(factories.portal(), "twilio", account=account)
        post(connection, account)
        assert gate.connections == 1
