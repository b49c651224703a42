"""A sender whose handler the portal calls, and a message that Twilio reports on."""

import pytest

from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Phase, Status
from b24app.portals.models import Portal
from tests import factories, handler_calls
from tests.budgets import fresh_budgets  # noqa: F401 - a fixture
from tests.webhooks import twilio_reports


@pytest.fixture
def sender(db: None) -> Sender:
    return handler_calls.create_sender()


@pytest.fixture
def portal(sender: Sender) -> Portal:
    return sender.portal


@pytest.fixture
def message(db: None) -> Message:
    account = {"account_sid": "AC1", "auth_token": twilio_reports.TOKEN}
    sender = factories.sender(factories.connection(factories.portal(), "twilio", account=account), code="s1")
    return factories.message(sender, status=Status.SENT, phase=Phase.DONE, ref="SM1")
