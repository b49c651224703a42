"""The card of Bitrix24 on Home: opening Home has the portal asked, and the card changes when it has answered."""

import json
import time
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.console.frame.screen import address
from b24app.core.redis import redis_client
from b24app.messaging import tasks
from b24app.messaging.models import Sender
from b24app.portals.models import Portal, Suspension
from b24app.sandbox import Portal as There
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_enqueued() -> None:
    redis_client().flushdb()


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice")))


def enqueued() -> list[int]:
    """Return the portals that a worker will ask."""
    found = [json.loads(one) for one in redis_client().lrange("care", 0, -1)]
    asked = [one for one in found if one["headers"]["task"] == "b24app.messaging.tasks.ask"]
    return [json.loads(one["headers"]["argsrepr"])[0] for one in asked]


def card(client: Client, portal: Portal, asked: str | int = "") -> Any:
    return client.get(address(portal, "portal-card"), {"asked": asked})


def test_opening_home_has_the_portal_asked_once_a_minute(alice: Client, portal: Portal) -> None:
    assert "?asked=" in alice.get(address(portal, "home")).content.decode()
    assert "?asked=" not in alice.get(address(portal, "home")).content.decode()
    assert enqueued() == [portal.pk]


def test_an_employee_s_home_asks_nobody(bob: Client, portal: Portal) -> None:
    bob.get(address(portal, "home"))
    assert enqueued() == []
    assert card(bob, portal).status_code == 403


def test_the_card_changes_only_once_the_answer_is_there(alice: Client, portal: Portal) -> None:
    now = int(time.time())
    assert (card(alice, portal, now).status_code, card(alice, portal, now).content) == (204, b"")
    Portal.objects.update(asked_at=timezone.now(), suspension=Suspension.PLAN)
    answer = card(alice, portal, now)
    assert answer.status_code == 200
    assert "badge--bad" in answer.content.decode()
    assert "every 2s" not in answer.content.decode()


@pytest.mark.parametrize("asked", ["", "soon", "-1", "9" * 40, "a minute ago"])
def test_it_does_not_wait_for_ever_nor_for_nonsense(alice: Client, portal: Portal, asked: str) -> None:
    answer = card(alice, portal, str(int(time.time()) - 60) if asked == "a minute ago" else asked)
    assert answer.status_code == 200
    assert "badge--ok" in answer.content.decode()


def test_silence_and_a_lapsed_plan_are_found_by_opening_home(alpha: Portal, there: There) -> None:
    factories.sender(factories.connection(alpha))
    alice = factories.visitor(alpha)
    there.switches.set("down", True)
    tasks.ask_portal(alpha.pk)
    page = alice.get(address(alpha, "home")).content.decode()
    assert page.count("Bitrix24 is not responding") == 2  # what to do, and the card
    there.switches.set("down", False)
    there.switches.set("lapsed_plan", True)
    tasks.ask_portal(alpha.pk)
    text = card(alice, alpha).content.decode()
    assert "badge--bad" in text
    assert "Bitrix24 is not responding" not in text
