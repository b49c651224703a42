"""A sender that Alice's portal has."""

import pytest

from b24app.messaging.models import Connection, Sender, SenderState
from b24app.portals.models import Portal


@pytest.fixture
def sender(live: Portal, connection: Connection) -> Sender:
    return Sender.objects.create(
        portal=live, connection=connection, code="sendline-1", names={"en": "Acme"}, state=SenderState.REGISTERED
    )
