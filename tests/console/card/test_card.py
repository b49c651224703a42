"""The tab on a CRM card: who gets in, whose messages are shown, and what is sent from it."""

import re
import uuid
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from django.core import signing
from django.test import Client
from django.utils import timezone

from b24app.console.card.conversation import PAGE_SIZE
from b24app.console.frame import card_tokens
from b24app.core.redis import redis_client
from b24app.messaging.models import Connection, ConnectionState, DayTally, Message, Sender, SenderState
from b24app.messaging.models.statuses import Origin, Status
from b24app.portals import placements
from b24app.portals.crm.cards import Entity, Phone
from b24app.portals.crm.owner_types import OwnerType
from b24app.portals.models import Portal, PortalToken
from b24app.sandbox import Portal as There
from b24app.sandbox import Sandbox
from tests import factories
from tests.console.frame.test_launch import launch, start_of, ticket_of

ALICE, BOB = factories.ALICE, factories.BOB
EMMA = Entity(OwnerType.CONTACT, 1, "Emma Evans", (Phone("+12025550147", "WORK"), Phone("+12025550142", "MOBILE")))
HERS = "+12025550142"


@pytest.fixture
def sender(db: None) -> Sender:
    redis_client().flushdb()
    return factories.sender(factories.connection(factories.portal("alice")))


def at(portal: Portal, entity: Entity = EMMA, user: int = ALICE, *more: str) -> str:
    return "/".join([f"/p/{portal.uuid.hex}/card", card_tokens.seal_card_token(entity, portal, user), *more, ""])


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def found(pattern: str, response: Any) -> str:
    match = re.search(pattern, response.content.decode(), re.DOTALL)
    assert match is not None
    return match[1]


def texts(response: Any) -> list[str]:
    return re.findall(r'<p class="talk__text" dir="auto">([^<]*)</p>', response.content.decode())


def posted(sender: Sender, **fields: str) -> dict[str, str]:
    form = {"to": "1", "sender": sender.uuid.hex, "text": "Your order is ready.", "nonce": str(uuid.uuid4())}
    return form | fields


# -- the launch --------------------------------------------------------------------------------------------------------


@pytest.fixture
def bound(transactional_db: None, box: Sandbox) -> There:
    """Return the portal alpha, with our tab on its cards."""
    there = box.portal("alpha")
    launch(Client(), there.frame(ALICE))
    placements.bind_places(Portal.objects.get())
    there.install_finish(ALICE)
    Portal.objects.update(installed_at=timezone.now(), country="US")
    return there


def tab(there: There, user: int = ALICE, number: object = "1", kind: str = "CONTACT") -> dict[str, Any]:
    return there.frame(user, f"CRM_{kind}_DETAIL_TAB", {"ID": number, "URI": "/crm/contact/details/1/"})


def signed_in(page: Any) -> str:
    return unquote(found(r"/card/([^/]+)/", page))


def test_the_tab_opens_on_the_entity(client: Client, bound: There) -> None:
    page = launch(client, tab(bound))
    portal = Portal.objects.get()
    assert page.status_code == 200
    assert start_of(page).startswith(f"/p/{portal.uuid.hex}/card/")
    assert page["Content-Security-Policy"].endswith(f"frame-ancestors http://{bound.domain}")
    emma = card_tokens.read_card_token(signed_in(page), portal, ALICE)
    assert emma.title == "Emma Evans"
    assert emma.phones == (Phone("+12025550142", "MOBILE"), Phone("+12025550160", "WORK"))
    assert "2025550142" not in page.content.decode()
    assert "Evans" not in page.content.decode()
    headers = {"Authorization": f"Bearer {ticket_of(page)}", "HX-Request": "true", "HX-Target": "app"}
    shown = Client(headers=headers).get(start_of(page))
    assert "SMS with Emma Evans" in words(shown)
    assert 'class="nav"' not in shown.content.decode()


def test_an_employee_opens_it_too_and_leaves_no_token(client: Client, bound: There) -> None:
    page = launch(client, tab(bound, BOB))
    assert card_tokens.read_card_token(signed_in(page), Portal.objects.get(), BOB).id == 1
    assert {token.user_id for token in PortalToken.objects.all()} == {ALICE}


@pytest.mark.parametrize(
    ("kind", "number"),
    [("CONTACT", "2"), ("CONTACT", "99"), ("CONTACT", "x"), ("CONTACT", None), ("DEAL", "2")],
    ids=["no rights", "nobody", "no number", "no id", "no rights on a deal"],
)
def test_a_card_the_portal_does_not_show_is_not_opened(client: Client, bound: There, kind: str, number: object) -> None:
    page = launch(client, tab(bound, BOB, number, kind))
    assert page.status_code == 200
    assert "No access to this item" in words(page)
    assert "sendline-ticket" not in page.content.decode()
    assert page["Content-Security-Policy"].endswith(f"frame-ancestors http://{bound.domain}")


@pytest.mark.parametrize("options", ["", "[]", "null", "{", '{"ID": {"a": 1}}', '"1"'])
def test_options_that_make_no_sense_are_survived(client: Client, bound: There, options: str) -> None:
    page = launch(client, tab(bound), PLACEMENT_OPTIONS=options)
    assert page.status_code == 200
    assert "No access to this item" in words(page)


def test_another_place_is_no_card(client: Client, bound: There) -> None:
    assert "No access to this item" in words(launch(client, tab(bound), PLACEMENT="DEFAULT"))


def test_a_post_without_tokens_is_survived(client: Client, bound: There) -> None:
    frame = tab(bound)
    fields = {name: frame["fields"][name] for name in ("member_id", "PLACEMENT", "PLACEMENT_OPTIONS")}
    page = launch(client, frame | {"fields": fields})
    assert page.status_code == 200
    assert "We couldn’t verify your session" in words(page)
    assert "sendline-ticket" not in page.content.decode()


def test_a_foreign_token_opens_nothing(client: Client, bound: There, box: Sandbox) -> None:
    beta = box.portal("beta")
    beta.install()
    charlie = beta.issue_token(1).access
    page = launch(client, tab(bound), AUTH_ID=charlie)
    assert "We couldn’t verify your session" in words(page)
    assert "sendline-ticket" not in page.content.decode()


def test_a_silent_portal_is_said_kindly(client: Client, bound: There) -> None:
    frame = tab(bound)
    launch(client, frame)
    bound.switches.down = True
    page = launch(client, frame)
    assert page.status_code == 200
    assert "Bitrix24 is not responding" in words(page)


def test_head_and_get_are_answered(client: Client, db: None) -> None:
    assert client.head("/card/").status_code == 200
    assert "Open Sendline in Bitrix24" in words(client.get("/card/"))


def test_the_installer_binds_the_tab_and_a_portal_without_the_permission_installs_all_the_same(
    transactional_db: None, client: Client, box: Sandbox
) -> None:
    alpha = box.portal("alpha")
    alpha.install()
    alpha.state.app.scope.remove("placement")
    page = launch(client, alpha.frame(ALICE))
    headers = {"Authorization": f"Bearer {ticket_of(page)}", "HX-Request": "true", "HX-Target": "content"}
    run = f"/p/{Portal.objects.get().uuid.hex}/install/run/"
    assert b"data-install-finish" in Client(headers=headers).post(run).content
    assert alpha.placements == []
    assert Portal.objects.get().trouble == ""

    alpha.state.app.scope.append("placement")
    Portal.objects.update(scope="", tabs_bound_at=None)
    assert b"data-install-finish" in Client(headers=headers).post(run).content
    assert len(alpha.placements) == 14


# -- the address -------------------------------------------------------------------------------------------------------


def closed(response: Any) -> bool:
    return "Reopen this tab" in words(response) and "New message" not in words(response)


def test_an_address_belongs_to_one_visitor_of_one_portal(
    portal: Portal, sender: Sender, alice: Client, bob: Client
) -> None:
    factories.message(sender, to=HERS, text="Alice's")
    theirs = factories.portal("charlie")
    factories.message(factories.sender(factories.connection(theirs)), to=HERS, text="Charlie's")
    assert texts(alice.get(at(portal))) == ["Alice&#x27;s"]

    for response in (
        bob.get(at(portal)),  # Alice's address
        alice.get(at(portal, EMMA, BOB)),
        alice.get(f"/p/{portal.uuid.hex}/card/{card_tokens.seal_card_token(EMMA, theirs, ALICE)}/"),
        factories.visitor(theirs).get(f"/p/{theirs.uuid.hex}/card/{card_tokens.seal_card_token(EMMA, portal, ALICE)}/"),
    ):
        assert response.status_code == 404
        assert closed(response)
        assert texts(response) == []
    charlie = factories.visitor(theirs, factories.CHARLIE)
    assert charlie.get(at(portal, EMMA, factories.CHARLIE)).status_code == 401
    assert texts(charlie.get(at(theirs, EMMA, factories.CHARLIE))) == ["Charlie&#x27;s"]


def test_an_address_cannot_be_spelled_or_changed(portal: Portal, sender: Sender, alice: Client) -> None:
    factories.message(sender, to=HERS, text="Alice's")
    signed = card_tokens.seal_card_token(EMMA, portal, ALICE)
    plain = signing.dumps([portal.uuid.hex, ALICE, 3, 1, "Emma", [[HERS, "", ""]]], salt=card_tokens.SALT)
    for wrong in (signed[:-1] + ("A" if signed[-1] != "A" else "B"), signed[5:], plain, "1", "3-1", "\u00e9:a:b"):
        for more in ("", "count/", "fill/", "straighten/"):
            address = f"/p/{portal.uuid.hex}/card/{wrong}/{more}"
            response = alice.post(address, posted(sender))
            assert response.status_code == 404
            assert texts(response) == []
    assert Message.objects.count() == 1
    assert HERS.lstrip("+") not in signed


def test_an_address_expires_and_what_is_on_the_page_stays(
    portal: Portal, sender: Sender, alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = at(portal)
    monkeypatch.setattr(card_tokens, "LIFETIME", timedelta(seconds=-1))
    assert closed(alice.get(address))
    assert alice.get(address).status_code == 200
    poll = alice.get(address, {"seen": "x"})
    assert (poll.status_code, poll["HX-Reswap"], poll.content) == (286, "none", b"")
    response = alice.post(address, posted(sender))
    assert response.status_code == 204
    assert "This page has expired." in response["HX-Trigger"]
    assert not Message.objects.exists()


# -- what is shown -----------------------------------------------------------------------------------------------------


def test_the_messages_to_its_numbers_come_newest_first_whoever_sent_them(
    portal: Portal, sender: Sender, alice: Client, bob: Client
) -> None:
    factories.message(sender, to=HERS, text="first", author_id=ALICE)
    factories.message(sender, to="+12025550147", text="second", author_id=BOB, module="bizproc")
    factories.message(sender, to="+12025550199", text="somebody else's")
    assert texts(alice.get(at(portal))) == ["second", "first"]
    assert texts(bob.get(at(portal, EMMA, BOB))) == ["second", "first"]
    assert "somebody else" not in words(bob.get(at(portal, EMMA, BOB)))


def test_what_was_sent_from_the_card_to_a_number_it_no_longer_has_is_shown(
    portal: Portal, sender: Sender, alice: Client
) -> None:
    alice.post(at(portal), posted(sender, text="to the old number"))
    other = Entity(OwnerType.CONTACT, 2, "Felix Ford", (Phone(HERS, "MOBILE"),))
    assert texts(alice.get(at(portal, Entity(OwnerType.CONTACT, 1, "Emma Evans", ())))) == ["to the old number"]
    assert texts(alice.get(at(portal, other))) == ["to the old number"]
    assert texts(alice.get(at(portal, Entity(OwnerType.DEAL, 1, "Website order", ())))) == []


def test_a_card_without_messages_or_numbers_says_so(portal: Portal, sender: Sender, alice: Client) -> None:
    page = words(alice.get(at(portal, Entity(OwnerType.CONTACT, 3, "", ()))))
    assert "No messages yet" in page
    assert "No phone number" in page
    assert "SMS with Contact 3" in page
    assert ">Send<" not in page


def test_the_pages_go_on_where_the_one_before_ended(portal: Portal, sender: Sender, alice: Client) -> None:
    now = timezone.now()
    for place in range(2 * PAGE_SIZE + 1):
        number = EMMA.phones[place % 2].e164
        factories.message(sender, to=number, text=f"text {place}", now=now - timedelta(minutes=place))
    seen: list[str] = []
    before = ""
    for _ in range(3):
        page = alice.get(at(portal), {"before": before} if before else {})
        seen += texts(page)
        assert ("every 4s" in page.content.decode()) == (not before)
        older = re.search(r"\?before=([0-9a-f]{32})", page.content.decode())
        before = older[1] if older else ""
    assert seen == [f"text {place}" for place in range(2 * PAGE_SIZE + 1)]
    assert before == ""


def test_anothers_message_is_no_place_to_go_on_from(portal: Portal, sender: Sender, alice: Client) -> None:
    factories.message(sender, to=HERS, text="mine")
    theirs = factories.message(factories.sender(factories.connection(factories.portal("charlie"))))
    for before in (theirs.reference.hex, "x", ""):
        assert texts(alice.get(at(portal), {"before": before})) == ["mine"]


def test_a_poll_is_answered_only_when_something_changed(portal: Portal, sender: Sender, alice: Client) -> None:
    message = factories.message(sender, to=HERS)
    seen = found(r'"seen": "([0-9a-f]+)"', alice.get(at(portal)))
    assert alice.get(at(portal), {"seen": seen}).status_code == 204
    Message.objects.filter(pk=message.pk).update(status=Status.SENT, phase="done", due_at=None)
    assert "Sent" in words(alice.get(at(portal), {"seen": seen}))


def test_an_employee_sees_numbers_masked_where_they_are_chosen_too(
    portal: Portal, sender: Sender, alice: Client, bob: Client
) -> None:
    factories.message(sender, to=HERS)
    talks = {who: client.get(at(portal, EMMA, user)) for who, client, user in (("a", alice, ALICE), ("b", bob, BOB))}
    meta = {who: found(r'<p class="talk__meta">(.*?)</p>', page) for who, page in talks.items()}
    assert "+1 202-555-0142" in meta["a"]
    assert "+1 •••-•••-••42" in meta["b"]
    assert "0142" not in meta["b"]
    assert re.search(r"<option value=.1. selected>\u2066\+1 202-555-0142\u2069, mobile", talks["a"].content.decode())
    assert re.search(r"<option value=.1. selected>\u2066\+1 •••-•••-••42\u2069, mobile", talks["b"].content.decode())
    assert "5550142" not in re.sub(r"[^0-9]", "", talks["b"].content.decode())
    Portal.objects.update(hide_numbers=False)
    assert "+1 202-555-0142" in found(r'<p class="talk__meta">(.*?)</p>', bob.get(at(portal, EMMA, BOB)))


def test_a_failure_is_explained(portal: Portal, sender: Sender, alice: Client) -> None:
    factories.message(sender, to=HERS, status=Status.FAILED, reason="invalid_number")
    assert "This number cannot receive messages." in words(alice.get(at(portal)))


def test_a_text_is_shown_and_not_run(portal: Portal, sender: Sender, alice: Client) -> None:
    factories.message(sender, to=HERS, text="<script>alert(1)</script>")
    page = alice.get(at(portal, Entity(OwnerType.CONTACT, 1, "<b>Emma</b>", EMMA.phones))).content.decode()
    assert "<script>alert" not in page
    assert "<b>Emma" not in page


# -- what is written ---------------------------------------------------------------------------------------------------


def rung(kind: str) -> bool:
    return bool(redis_client().keys(f"bell:{kind}:*"))


def test_a_message_is_sent_from_the_card(portal: Portal, sender: Sender, bob: Client) -> None:
    response = bob.post(at(portal, EMMA, BOB), posted(sender))
    message = Message.objects.get()
    assert (message.origin, message.author_id, message.to, message.text) == (
        Origin.CARD,
        BOB,
        HERS,
        "Your order is ready.",
    )
    assert (message.sender, message.message_id) == (sender, None)
    assert message.links["bindings"] == [{"OWNER_TYPE_ID": "3", "OWNER_ID": "1"}]
    assert texts(response) == ["Your order is ready."]
    assert "Sending" in response["HX-Trigger"]
    assert found(r'<textarea name="text"[^>]*>\s*([^<]*)<', response) == ""
    assert rung("drain")
    assert rung("note")


def test_a_form_that_comes_twice_sends_once(portal: Portal, sender: Sender, alice: Client) -> None:
    form = posted(sender)
    for _ in range(2):
        assert texts(alice.post(at(portal), form)) == ["Your order is ready."]
    assert Message.objects.count() == 1


def test_the_same_text_is_sent_again_from_a_new_form_and_another_text_from_the_same(
    portal: Portal, sender: Sender, alice: Client
) -> None:
    form = posted(sender)
    alice.post(at(portal), form)
    alice.post(at(portal), posted(sender))
    alice.post(at(portal), form | {"text": "Your order is on its way."})
    assert Message.objects.count() == 3


def test_every_form_has_a_nonce_of_its_own(portal: Portal, alice: Client) -> None:
    pattern = r'name="nonce" value="([0-9a-f-]{36})"'
    assert found(pattern, alice.get(at(portal))) != found(pattern, alice.get(at(portal)))


def test_the_numbers_of_a_card_are_named_by_their_place(portal: Portal, sender: Sender, alice: Client) -> None:
    alice.post(at(portal), posted(sender, to="0"))
    assert Message.objects.get().to == "+12025550147"


@pytest.mark.parametrize("to", ["+12025550142", "2", "-1", "²", "nobody", ""])
def test_a_number_that_is_not_on_the_card_gets_nothing(portal: Portal, sender: Sender, alice: Client, to: str) -> None:
    response = alice.post(at(portal), posted(sender, to=to))
    assert response.status_code == 200
    assert 'aria-invalid="true"' in response.content.decode()
    assert not Message.objects.exists()
    assert not rung("drain")


@pytest.mark.parametrize("text", ["", "   ", "x" * 6000])
def test_a_text_that_cannot_be_sent_is_said_at_its_field(
    portal: Portal, sender: Sender, alice: Client, text: str
) -> None:
    response = alice.post(at(portal), posted(sender, text=text))
    assert response.status_code == 200
    assert 'aria-invalid="true"' in response.content.decode()
    assert "HX-Trigger" not in response
    assert not Message.objects.exists()


def unusable(connection: Connection) -> dict[str, Sender]:
    off = factories.connection(connection.portal, state=ConnectionState.PAUSED)
    return {
        "paused": factories.sender(connection, paused_at=timezone.now()),
        "refused": factories.sender(connection, state=SenderState.REFUSED),
        "removed": factories.sender(connection, state=SenderState.REMOVED),
        "of a paused account": factories.sender(off),
        "Charlie's": factories.sender(factories.connection(factories.portal("charlie"))),
    }


def test_only_senders_that_are_ready_are_offered_and_taken(portal: Portal, sender: Sender, alice: Client) -> None:
    others = unusable(sender.connection)
    page = alice.get(at(portal)).content.decode()
    assert f'<option value="{sender.uuid.hex}">' in page
    for name, other in others.items():
        assert other.uuid.hex not in page, name
        response = alice.post(at(portal), posted(other))
        assert "Select an option from the list." in words(response), name
    assert not Message.objects.exists()


def test_a_card_without_a_sender_says_so(portal: Portal, sender: Sender, alice: Client) -> None:
    Sender.objects.update(paused_at=timezone.now())
    assert "No active sender" in words(alice.get(at(portal)))
    alice.post(at(portal), posted(sender))
    assert not Message.objects.exists()


def test_the_mobile_number_is_chosen_unless_another_was_written_to_last(
    portal: Portal, sender: Sender, alice: Client
) -> None:
    chosen = r'name="to".*?<option value="([0-9]+)" selected>'
    assert found(chosen, alice.get(at(portal))) == "1"
    factories.message(sender, to="+12025550147")
    assert found(chosen, alice.get(at(portal))) == "0"


# -- what it costs -----------------------------------------------------------------------------------------------------


CURLY = "“" + "a" * 80 + "”"


def test_segments_and_cost_are_counted(portal: Portal, sender: Sender, bob: Client) -> None:
    DayTally.objects.create(
        portal=portal,
        day=timezone.localdate(),
        connection=sender.connection,
        sender=sender,
        status=Status.DELIVERED,
        currency="USD",
        messages=1,
        parts=2,
        money="0.10",
    )
    count = words(bob.post(at(portal, EMMA, BOB, "count"), posted(sender, text="a" * 161)))
    assert "2 segments" in count
    assert "about USD 0.10" in count
    assert "Use plain characters" not in count
    assert not Message.objects.exists()


def test_plain_quotes_are_offered_where_they_spare_something(portal: Portal, sender: Sender, alice: Client) -> None:
    counted = words(alice.post(at(portal, EMMA, ALICE, "count"), posted(sender, text=CURLY)))
    assert "2 segments" in counted
    assert "Saves 1 segment" in counted
    assert "Use plain characters" in counted
    assert "Use plain characters" not in words(alice.post(at(portal, EMMA, ALICE, "count"), posted(sender, text="“a”")))
    response = alice.post(at(portal, EMMA, ALICE, "straighten"), posted(sender, text=CURLY))
    assert found(r"<textarea[^>]*data-first[^>]*>\s*([^<]*)<", response) == CURLY.replace("“", "&quot;").replace(
        "”", "&quot;"
    )
    assert "1 segment" in words(response)
    assert "Use plain characters" not in words(response)


def test_a_sender_that_straightens_by_itself_needs_no_offer(portal: Portal, sender: Sender, alice: Client) -> None:
    Sender.objects.update(smart=True)
    counted = words(alice.post(at(portal, EMMA, ALICE, "count"), posted(sender, text=CURLY)))
    assert "1 segment" in counted
    assert "Will be sent as:" in counted
    assert "Use plain characters" not in counted


@pytest.mark.parametrize("more", ["count", "fill", "straighten"])
def test_a_text_is_still_on_the_page_when_its_last_sender_is_paused(
    portal: Portal, sender: Sender, alice: Client, more: str
) -> None:
    Sender.objects.update(paused_at=timezone.now())
    answer = alice.post(at(portal, EMMA, ALICE, more), posted(sender, text=CURLY))
    assert answer.status_code == 200
    assert "segment" not in words(answer)


def test_the_address_of_a_card_with_many_numbers_is_not_too_long(portal: Portal) -> None:
    phones = tuple(Phone(f"+1202555{place:04}", "MOBILE", f"Somebody Longname {place}") for place in range(20))
    entity = Entity(OwnerType.DEAL, 10**9, "Я" * 100, phones)
    assert len(at(portal, entity)) < 2000
    assert card_tokens.read_card_token(card_tokens.seal_card_token(entity, portal, ALICE), portal, ALICE) == entity
