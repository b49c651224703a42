"""Names in the list of messages: the person and the item, as the visitor may see them, and never before the page."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.core.redis import redis_client
from b24app.messaging import tasks
from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Origin, Status
from b24app.portals.crm_names import names, visitor_tokens
from b24app.portals.models import CrmName, Portal
from b24app.sandbox import Portal as There
from tests import factories
from tests.factories import BOB

pytestmark = pytest.mark.django_db

EMMA, FELIX = "+12025550142", "+12025550143"
CONTACT_1, CONTACT_2 = ({"OWNER_TYPE_ID": "3", "OWNER_ID": one} for one in "12")
DEAL_1 = {"OWNER_TYPE_ID": "2", "OWNER_ID": "1"}


@pytest.fixture
def sender(alpha: Portal) -> Sender:
    return factories.sender(factories.connection(alpha))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[Any]]:
    """Return the lookups that are enqueued; none of them is done."""
    sent: list[list[Any]] = []

    def send(name: str, args: list[Any], **_options: Any) -> None:
        if name.endswith("crm_names"):
            sent.append(args)

    monkeypatch.setattr("celery.current_app.send_task", send)
    return sent


def fetch(asked: list[list[Any]]) -> None:
    """Do what was enqueued last."""
    tasks.fetch_crm_names(*asked[-1])
    redis_client().delete(*redis_client().keys("bell:*") or ["none"])


def at(portal: Portal) -> str:
    return f"/p/{portal.uuid.hex}/journal/"


def people(response: Any) -> list[str]:
    """Return the names of recipients, in the order of the rows."""
    return re.findall(r'class="linkbtn clip"[^>]*>([^<]*)<', response.content.decode())


def items(response: Any) -> list[str]:
    return re.findall(r'class="linkbtn" type="button" data-portal="openPath"[^>]*>([^<]*)<', response.content.decode())


def to(sender: Sender, number: str, *bindings: dict[str, str], **fields: Any) -> Message:
    return factories.message(sender, to=number, links={"bindings": list(bindings)}, **fields)


def test_the_page_comes_at_once_by_number_and_names_come_with_a_poll(
    alice: Client, sender: Sender, there: There, asked: list[list[Any]]
) -> None:
    to(sender, EMMA, DEAL_1, CONTACT_1, status=Status.DELIVERED)
    before = len(there.rest_log)
    page = alice.get(at(sender.portal))
    assert (people(page), items(page), len(there.rest_log) - before) == ([], [], 0)
    [seen] = re.findall(r'"seen": "([0-9a-f]+)"', page.content.decode())
    assert alice.get(at(sender.portal), {"seen": seen}).status_code == 204
    fetch(asked)
    poll = alice.get(at(sender.portal), {"seen": seen})
    assert (people(poll), items(poll)) == (["Emma Evans"], ["Website order"])
    assert '/crm/contact/details/1/"' in poll.content.decode()
    assert "+1 202-555-0142" in poll.content.decode()


def test_a_page_that_cannot_change_asks_for_its_names_and_then_no_more(
    alice: Client, sender: Sender, asked: list[list[Any]]
) -> None:
    to(sender, EMMA, CONTACT_1, status=Status.DELIVERED, now=timezone.now() - timedelta(days=2))
    query = {"until": str(timezone.localdate() - timedelta(days=1))}
    page = alice.get(at(sender.portal), query)
    assert "every 4s" in page.content.decode()
    [seen] = re.findall(r'"seen": "([0-9a-f]+)"', page.content.decode())
    fetch(asked)
    poll = alice.get(at(sender.portal), {**query, "seen": seen})
    assert (poll.status_code, people(poll), "every 4s" in poll.content.decode()) == (286, ["Emma Evans"], False)


def test_the_same_names_are_not_asked_for_with_each_poll(alice: Client, sender: Sender, asked: list[list[Any]]) -> None:
    to(sender, EMMA, CONTACT_1)
    for _ in range(3):
        alice.get(at(sender.portal))
    assert asked == [[sender.portal.pk, 0, [[3, 1]]]]
    fetch(asked)
    alice.get(at(sender.portal))
    assert len(asked) == 1


def test_a_rule_may_write_to_somebody_else_about_a_contact_s_deal(
    alice: Client, sender: Sender, asked: list[list[Any]]
) -> None:
    to(sender, EMMA, DEAL_1, module="bizproc", text="to her")
    to(sender, "+12025550199", DEAL_1, module="bizproc", text="to an employee")
    to(sender, "+12025550198", DEAL_1, CONTACT_1, module="bizproc", text="to a courier")
    alice.get(at(sender.portal))
    fetch(asked)
    page = alice.get(at(sender.portal))
    assert (people(page), items(page)) == (["Emma Evans"], ["Website order"] * 3)


def test_from_a_card_it_goes_to_its_own_person_even_with_a_new_number(
    alice: Client, sender: Sender, asked: list[list[Any]]
) -> None:
    to(sender, "+12025550199", CONTACT_1, module="crm")
    to(sender, "+12025550199", CONTACT_1, CONTACT_2, module="crm")  # whose?
    to(sender, FELIX, CONTACT_1, CONTACT_2, origin=Origin.CARD, message_id=None)
    alice.get(at(sender.portal))
    fetch(asked)
    assert people(alice.get(at(sender.portal))) == ["Felix Ford", "Emma Evans"]


def test_a_message_whose_number_is_gone_names_nobody(alice: Client, sender: Sender, asked: list[list[Any]]) -> None:
    to(sender, "", CONTACT_1, text="")
    to(sender, EMMA, CONTACT_1)
    alice.get(at(sender.portal))
    fetch(asked)
    assert people(alice.get(at(sender.portal))) == ["Emma Evans"]  # the other one's


def test_bob_sees_names_that_his_own_access_allows(
    alice: Client, bob: Client, sender: Sender, there: There, asked: list[list[Any]]
) -> None:
    for number, contact in ((EMMA, CONTACT_1), (FELIX, CONTACT_2)):
        to(sender, number, contact, author_id=BOB)
    alice.get(at(sender.portal))
    fetch(asked)
    assert people(alice.get(at(sender.portal))) == ["Felix Ford", "Emma Evans"]
    assert people(bob.get(at(sender.portal))) == []
    visitor_tokens.keep_token(sender.portal, BOB, there.issue_token(BOB).access)
    fetch(asked)
    shown = bob.get(at(sender.portal))
    assert people(shown) == ["Emma Evans"]
    assert "Felix" not in shown.content.decode()


def test_charlie_finds_none_of_them(alice: Client, sender: Sender, asked: list[list[Any]]) -> None:
    theirs = factories.sender(factories.connection(factories.portal("charlie")))
    for one in (sender, theirs):
        to(one, EMMA, CONTACT_1)
    charlie = factories.visitor(theirs.portal)
    names.fetch_names(sender.portal, 0, [(3, 1)])
    assert people(alice.get(at(sender.portal))) == ["Emma Evans"]
    assert people(charlie.get(at(theirs.portal))) == []
    assert people(charlie.get(at(theirs.portal), {"q": "Emma"})) == []


def test_a_portal_that_does_not_let_us_is_named_once_with_the_reason(alice: Client, sender: Sender) -> None:
    for _ in range(3):
        to(sender, EMMA, CONTACT_1)
    Portal.objects.update(scope="messageservice,placement")
    page = alice.get(at(sender.portal)).content.decode()
    assert page.count("Bitrix24 does not let Sendline read the CRM") == 1
    bob = factories.visitor(sender.portal, BOB, is_admin=False)
    assert "read the CRM" not in bob.get(at(sender.portal)).content.decode()


def test_a_silent_portal_holds_up_no_page(alice: Client, sender: Sender, there: There, asked: list[list[Any]]) -> None:
    to(sender, EMMA, CONTACT_1)
    alice.get(at(sender.portal))
    there.switches.set("down", True)
    fetch(asked)
    page = alice.get(at(sender.portal))
    assert "Some names are missing: Bitrix24 did not respond." in page.content.decode()
    assert (people(page), len(asked)) == ([], 1)


def test_a_name_is_escaped(alice: Client, sender: Sender) -> None:
    to(sender, EMMA, CONTACT_1)
    CrmName.objects.create(
        portal=sender.portal, viewer=0, type_id=3, item_id=1, name="<b>Eve</b>", asked_at=timezone.now(),
        phones=[names.digest_phone(sender.portal, EMMA)],
    )  # fmt: skip
    assert people(alice.get(at(sender.portal))) == ["&lt;b&gt;Eve&lt;/b&gt;"]


def test_names_cost_two_queries_for_a_page(
    alice: Client, sender: Sender, asked: list[list[Any]], django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        to(sender, EMMA, DEAL_1, CONTACT_1)
    alice.get(at(sender.portal))
    fetch(asked)
    with django_assert_max_num_queries(11):
        assert people(alice.get(at(sender.portal))) == ["Emma Evans"] * 20


def test_messages_are_found_by_name(alice: Client, sender: Sender, asked: list[list[Any]]) -> None:
    to(sender, EMMA, DEAL_1, text="about the order")
    to(sender, EMMA, CONTACT_1, text="to her")
    to(sender, FELIX, CONTACT_2, text="to him")
    factories.message(sender, links={"document_id": ["crm", "CCrmDocumentDeal", "DEAL_1"]}, text="by a rule")
    alice.get(at(sender.portal))
    fetch(asked)
    found = alice.get(at(sender.portal), {"q": "emma"}).content.decode()
    texts = re.findall(r'class="rowlink clip"[^>]*>\s*([^<]*?)\s*</a>', found)
    assert texts == ["by a rule", "to her", "about the order"]
