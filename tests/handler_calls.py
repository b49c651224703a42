"""Handler calls as a portal makes them, and a sender of ours they are for."""

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from django.test import Client
from django.utils import timezone

from b24app.core import signed_urls
from b24app.messaging.models import Sender
from tests import factories

FORM = "application/x-www-form-urlencoded"


def create_sender() -> Sender:
    """Create a sender of the code that `fields` calls, in a portal that `fields` knows the token of."""
    portal = factories.portal(application_token="the-application-token")
    return factories.sender(factories.connection(portal), code="s1", names={"en": "Acme"})


def fields(**changed: str | None) -> dict[str, str]:
    """Return a handler call as the portal writes it; None leaves a field out."""
    call = {
        "module_id": "crm",
        "bindings[0][OWNER_TYPE_ID]": "3",
        "bindings[0][OWNER_ID]": "42",
        "properties[phone_number]": "+12025550147",
        "properties[message_text]": "Hello",
        "type": "SMS",
        "code": "s1",
        "message_id": "0f8b1c2d3e4f5a6b7c8d9e0f1a2b3c4d",
        "message_to": "+12025550147",
        "message_body": "Hello",
        "ts": str(int(timezone.now().timestamp())),
        "auth[access_token]": "secret-access-token",
        "auth[user_id]": "7",
        "auth[application_token]": "the-application-token",
        **changed,
    }
    return {name: value for name, value in call.items() if value is not None}


def path(sender: Sender) -> str:
    return urlsplit(signed_urls.handler_url(sender.uuid.hex, sender.generation)).path


def post(sender: Sender, body: bytes | str | Mapping[str, str], content_type: str = FORM) -> int:
    data = urlencode(body) if isinstance(body, Mapping) else body
    return Client(raise_request_exception=True).post(path(sender), data, content_type=content_type).status_code


def call(number: int) -> str:
    return urlencode(fields(message_id=f"m{number}"))
