"""The tab of a CRM card opens and counts in every language."""

import pytest
from django.test import Client
from django.utils import timezone

from b24app.messaging.models import DayTally, Sender
from b24app.messaging.models.statuses import Status
from b24app.portals.crm.cards import Entity, Phone
from b24app.portals.crm.owner_types import OwnerType
from b24app.portals.languages import FRAME_CODES
from tests import factories
from tests.console.card.test_card import at, posted, sender

__all__ = ["sender"]

DEAL = Entity(OwnerType.DEAL, 3, "Website order", (Phone("+12025550142", "MOBILE", "Emma Evans"),))


@pytest.mark.parametrize("language", FRAME_CODES)
def test_a_contact_s_number_and_a_priced_text_are_shown(sender: Sender, language: str) -> None:
    DayTally.objects.create(
        portal=sender.portal, day=timezone.localdate(), connection=sender.connection, sender=sender,
        status=Status.DELIVERED, currency="USD", messages=1, parts=2, money="0.10",
    )  # fmt: skip
    visitor: Client = factories.visitor(sender.portal, language=language)
    page = visitor.get(at(sender.portal, DEAL))
    assert page.status_code == 200
    assert "Emma Evans" in page.content.decode()
    fields = posted(sender, to="0", action="change", changed="text")
    counted = visitor.post(at(sender.portal, DEAL, factories.ALICE, "composer"), fields)
    assert counted.status_code == 200
    [shown] = [one["properties"]["value"] for one in counted.json()["states"] if one["id"] == "count"]
    assert "USD\u00a0" in shown
