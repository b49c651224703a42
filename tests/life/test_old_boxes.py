"""The life of a box many versions behind the cloud: no newer fields, no newer methods, other ids (B.8, D.8.5)."""

from collections.abc import Callable
from urllib.parse import urljoin

import pytest

from b24app.operations.local import visitor
from tests.faults.house import House, wait
from tests.life.portals import EVENTS, NUMBER, bound_events, column, install, member, settle, token_users

pytestmark = pytest.mark.long

OLD = {"modern": False, "update_missing": True, "fresh_ids": True, "no_composer": True, "lapsed_silent": True}


def write(portal: House, code: str, text: str) -> int:
    """Send a message; return the portal's own number of it, for it has no id yet."""
    return int(portal.ask("send", to=NUMBER, text=text, code=code, author=1)["id"])


def find(portal: House, number: int) -> dict[str, object]:
    found = visitor.fetch_page("GET", urljoin(portal.run.portal, "/_/messages")).expect_status(200).json()["messages"]
    return next(message for message in found if message["id"] == number)


def wait_until_delivered(portal: House, number: int) -> None:
    wait(lambda: find(portal, number)["status"] == "delivered", 25, lambda: str(find(portal, number)))


def test_an_old_box_from_its_installation_to_its_end(new_portal: Callable[..., House]) -> None:
    portal = new_portal(**OLD)
    code = settle(portal)
    assert (bound_events(portal), token_users(portal)) == (EVENTS, {1})
    wait(lambda: bool(column(portal, "application_token")), 10)  # ONAPPINSTALL brings it; no page did
    wait_until_delivered(portal, write(portal, code, "first"))

    alice, home = portal.open()
    [(uuid,)] = portal.sql("SELECT uuid FROM messaging_sender WHERE code = %s", code)
    page = alice.get(urljoin(home.url, f"senders/{uuid}/"))
    alice.submit(page, visitor.find_form_with(page, "sender-name_en"), **{"sender-name_en": "Renamed"})
    wait(lambda: [one["names"].get("en") for one in portal.state()["senders"]] == ["Renamed"], 10)

    portal.ask("update")
    wait(lambda: portal.codes() == [code], 10)
    install(portal)
    wait_until_delivered(portal, write(portal, code, "second"))
    portal.ask("uninstall", clean=False)
    wait(lambda: column(portal, "uninstalled_at") is not None, 10)
    assert token_users(portal) == set()
    install(portal)
    wait_until_delivered(portal, write(portal, code, "third"))
    assert column(portal, "generation") == 2


def test_a_message_that_is_picked_up_again_under_another_id_is_sent_and_marked(
    new_portal: Callable[..., House],
) -> None:
    """It cannot be told from a second message, so it is never dropped; the second one is shown as a repeat."""
    portal = new_portal(**OLD)
    code = settle(portal)
    portal.ask("switches", picked_again_after=2.0)
    number = write(portal, code, "twice")
    rows = (
        "SELECT message_id, status FROM messaging_message JOIN portals_portal AS portal ON portal.id = portal_id"
        " WHERE member_id = %s ORDER BY messaging_message.id"
    )
    wait(lambda: [status for _id, status in portal.sql(rows, member(portal))] == ["delivered"] * 2, 25)
    wait_until_delivered(portal, number)

    (first, _), (second, _) = portal.sql(rows, member(portal))
    assert first != second == find(portal, number)["message_id"]
