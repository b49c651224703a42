"""An employee's access token is kept while his page is open; an administrator's and a stranger's is not."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client

from b24app.portals.crm_names import visitor_tokens
from b24app.portals.errors import NoToken
from b24app.portals.models import Portal
from b24app.sandbox import Portal as There
from tests.factories import ALICE, BOB

pytestmark = pytest.mark.django_db


def open_app(there: There, user: int, **fields: str) -> dict[str, Any]:
    """Open the application as the portal's page does; return the fields that were posted."""
    frame = there.frame(user, install=False)
    form = dict(frame["fields"]) | fields
    Client().post(f"/app/?{urlsplit(frame['action']).query}", form)
    return {**dict(parse_qsl(urlsplit(frame["action"]).query)), **form}


def test_opening_the_application_keeps_an_employee_s_token_alone(alpha: Portal, there: There) -> None:
    posted = open_app(there, BOB)
    assert visitor_tokens.find_token(alpha, BOB) == posted["AUTH_ID"]
    open_app(there, ALICE)
    with pytest.raises(NoToken):
        visitor_tokens.find_token(alpha, ALICE)


def test_renewing_the_ticket_keeps_the_newer_token(alpha: Portal, there: There) -> None:
    open_app(there, BOB)
    frame = there.frame(BOB, install=False)
    fields = {**dict(parse_qsl(urlsplit(frame["action"]).query)), **frame["fields"]}
    assert Client().post("/session/", fields).json()["ticket"]
    assert visitor_tokens.find_token(alpha, BOB) == fields["AUTH_ID"]


def test_a_token_that_nobody_confirmed_is_not_kept(alpha: Portal, there: There) -> None:
    open_app(there, BOB, AUTH_ID="forged")
    with pytest.raises(NoToken):
        visitor_tokens.find_token(alpha, BOB)
