"""The official SDK for Python, unmodified, with a strict portal: messageservice as its own tests drive it, and further.

Its package on PyPI brings no tests; those of its repository add, list, update and delete a sender.
"""

import pytest
from b24pysdk import Client
from b24pysdk.credentials import BitrixApp, BitrixToken
from b24pysdk.errors import BitrixBaseAPIError

from b24app.sandbox import Portal, Sandbox
from tests.sandbox.clients import Listener

NAMES = {"en": "SDK", "ru": "SDK"}


@pytest.fixture
def strict(box: Sandbox, alpha: Portal, monkeypatch: pytest.MonkeyPatch) -> Portal:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", box.ca_file)
    alpha.switches.make_strict()
    alpha.switches.php_text = False  # the SDK itself cannot read `time.operating_reset_at` as text
    return alpha


def client_of(portal: Portal, user_id: int) -> Client:
    """Return the SDK's client with a token of this user."""
    held = portal.issue_token(user_id)
    app = BitrixApp(client_id="sandbox.app", client_secret="sandbox-secret")
    domain = portal.client_endpoint.removeprefix("https://").partition("/")[0]
    return Client(
        BitrixToken(domain=domain, auth_token=held.access, refresh_token=held.refresh, expires_in=3600, bitrix_app=app)
    )


@pytest.fixture
def sdk(strict: Portal) -> Client:
    return client_of(strict, 1)


def test_a_sender_is_added_listed_updated_and_deleted(sdk: Client, strict: Portal, app: Listener) -> None:
    sender = sdk.messageservice.sender
    added = sender.add(code="sdk", type="SMS", handler=f"{app.url}/h/", name="SDK", description="By the SDK").response
    assert added.result is True
    assert sender.list().response.result == ["sdk"]

    changed = sender.update(code="sdk", handler=f"{app.url}/h/2/", name=NAMES, description=NAMES).response
    assert changed.result is True
    assert strict.senders["sdk"].handler == f"{app.url}/h/2/"
    assert (strict.senders["sdk"].names["ru"], strict.senders["sdk"].descriptions["en"]) == ("SDK", "SDK")

    assert sender.delete(code="sdk").response.result is True
    assert sender.list().response.result == []


def test_a_message_reaches_the_handler_and_its_status_the_portal(sdk: Client, strict: Portal, app: Listener) -> None:
    sdk.messageservice.sender.add(code="sdk", type="SMS", handler=f"{app.url}/h/", name="SDK").response  # noqa: B018
    message = strict.send_sms("+12025550142", "Hello", "sdk", 1)
    update = sdk.messageservice.message.status.update
    assert update(code="sdk", message_id=message.message_id, status="delivered").response.result is True
    assert message.status == "delivered"

    with pytest.raises(BitrixBaseAPIError) as refusal:
        update(code="other", message_id=message.message_id, status="failed").response  # noqa: B018 - it is sent now
    assert refusal.value.error == "ERROR_MESSAGE_NOT_FOUND"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"type": "VIBER"}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ({"code": "no spaces"}, "ERROR_SENDER_VALIDATION_FAILURE"),
        ({"handler": "https://example.com/handler"}, "ERROR_HANDLER_URL_MATCH"),
        ({"handler": "ftp://example.com/"}, "ERROR_UNSUPPORTED_PROTOCOL"),
    ],
)
def test_refusals_arrive_as_the_sdks_errors(
    sdk: Client, strict: Portal, app: Listener, fields: dict[str, str], code: str
) -> None:
    values = {"code": "sdk", "type": "SMS", "handler": f"{app.url}/h/", "name": "SDK", **fields}
    with pytest.raises(BitrixBaseAPIError) as refusal:
        sdk.messageservice.sender.add(**values).response  # noqa: B018 - it is sent now
    assert refusal.value.error == code
    assert strict.senders == {}


def test_an_employee_is_refused(strict: Portal) -> None:
    with pytest.raises(BitrixBaseAPIError) as refusal:
        client_of(strict, 7).messageservice.sender.list().response  # noqa: B018 - it is sent now
    assert refusal.value.error == "ACCESS_DENIED"


def test_a_batch_of_statuses_names_each_refusal(sdk: Client, strict: Portal, app: Listener) -> None:
    sdk.messageservice.sender.add(code="sdk", type="SMS", handler=f"{app.url}/h/", name="SDK").response  # noqa: B018
    message = strict.send_sms("+12025550142", "Hello", "sdk", 1)
    update = sdk.messageservice.message.status.update
    calls = {
        "known": update(code="sdk", message_id=message.message_id, status="undelivered"),
        "unknown": update(code="sdk", message_id="nobody's", status="delivered"),
    }
    found = sdk.call_batch(calls).response.result
    assert found.result == {"known": True}
    assert found.result_error["unknown"]["error"] == "ERROR_MESSAGE_NOT_FOUND"
    assert message.status == "undelivered"
