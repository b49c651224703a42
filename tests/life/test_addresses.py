"""Portals at other addresses: on https, at the usual port, moved, copied, boxes of every kind (B.4, B.8, G.1)."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest

from b24app.operations.local import visitor
from b24app.operations.local.visitor import Page
from tests.faults.house import House, wait
from tests.life.portals import NUMBER, column, deliver, expire_tokens, install, member, set_columns, settle, token_users

pytestmark = pytest.mark.long

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Language": "en"}


def launch(portal: House, **asked: object) -> tuple[dict[str, Any], Page]:
    """Return the frame that the portal opens, and the page that it gets."""
    frame = portal.ask("frame", **{"user": 1, **asked})
    return frame, visitor.fetch_page("POST", frame["action"], body=urlencode(frame["fields"]).encode(), headers=FORM)


def ancestors(page: Page) -> str:
    """Return who may frame a page."""
    found = re.search(r"frame-ancestors ([^;]+)", page.headers["Content-Security-Policy"])
    assert found
    return found[1].strip()


@pytest.mark.parametrize("switches", [{"https_pages": True}, {"default_port": True}, {"modern": False}])
def test_the_page_may_be_framed_by_the_portal_where_it_says_it_is(
    new_portal: Callable[..., House], switches: dict[str, bool]
) -> None:
    portal = new_portal(**switches)
    install(portal)
    frame, page = launch(portal)
    query = parse_qs(urlsplit(frame["action"]).query)

    assert ancestors(page) == frame["portal_origin"]
    assert urlsplit(frame["portal_origin"]).netloc == query["DOMAIN"][0]


def test_a_portal_whose_port_the_oauth_server_leaves_out_may_frame_the_page(new_portal: Callable[..., House]) -> None:
    portal = new_portal(oauth_without_port=True)
    install(portal)
    frame, page = launch(portal)

    assert frame["portal_origin"] in ancestors(page).split()


def test_a_widget_that_brings_nobodys_token_is_explained(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    install(portal)
    portal.ask("switches", widget_without_token=True)
    _frame, page = launch(portal, placement="CRM_CONTACT_DETAIL_TAB", options={"ID": "1"})

    assert (page.status, "Open Sendline from the Bitrix24 menu." in page.text) == (200, True)


def test_a_box_without_rest_over_tls_is_told_what_is_missing(new_portal: Callable[..., House]) -> None:
    portal = new_portal(http_rest=True)
    _frame, page = launch(portal)

    assert (page.status, "must be reachable at https://" in page.text) == (200, True)
    assert column(portal, "id") is None


def test_a_box_under_an_authority_of_its_own_waits_until_it_is_trusted(new_portal: Callable[..., House]) -> None:
    portal = new_portal(foreign_ca=True)
    _frame, page = launch(portal)
    assert (page.status, "sendline-ticket" in page.text, token_users(portal)) == (200, False, set())
    portal.ask("switches", foreign_ca=False)

    deliver(portal, settle(portal))


def test_a_renamed_portal_is_told_once_the_oauth_server_knows_its_name(new_portal: Callable[..., House]) -> None:
    portal = new_portal(name_lag=600.0)
    code = settle(portal)
    message = portal.send(NUMBER, code)
    moved = rehouse(portal, rename="127.0.0.58")
    wait(lambda: column(moved, "push_after") is not None, 20)
    assert urlsplit(str(column(moved, "client_endpoint"))).hostname != "127.0.0.58"
    moved.ask("switches", name_lag=0.0)
    set_columns(moved, "push_after = NULL, rest_after = NULL")
    moved.sql("UPDATE messaging_message SET push_at = now() WHERE message_id = %s", message)

    moved.all_delivered([message], 20)
    assert urlsplit(str(column(moved, "client_endpoint"))).hostname == "127.0.0.58"


def test_a_portal_that_left_nothing_behind_is_followed_by_what_a_refresh_says(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    code = settle(portal)
    moved = rehouse(portal, move="127.0.0.57")
    moved.ask("switches", expire_tokens=True)
    expire_tokens(moved)  # an hour has passed here too

    deliver(moved, code)
    assert urlsplit(str(column(moved, "client_endpoint"))).hostname == "127.0.0.57"


def test_a_box_that_is_registered_anew_is_another_portal(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    code = settle(portal)
    old = member(portal)
    portal.ask("switches", register_again=True)
    install(portal)

    assert [row for (row,) in portal.sql("SELECT member_id FROM portals_portal WHERE member_id = %s", old)] == [old]
    assert member(portal) != old
    assert (column(portal, "generation"), token_users(portal)) == (1, {1})
    assert code in portal.codes()  # the box still has the sender, and its calls are those of the installation before


def test_a_restored_copy_of_a_box_sends_nothing(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    code = settle(portal)
    made = visitor.call_control(
        urljoin(portal.run.portal, "/_/portals"), key=f"{portal.state()['key']}-copy", clone_of=portal.state()["key"]
    )
    copy = replace(portal, run=replace(portal.run, portal=made["url"]))
    to = "+12025550177"
    copy.send(to, code)
    wait(lambda: {call["status"] for one in copy.messages().values() for call in one["calls"]} == {200}, 10)
    time.sleep(3)

    assert portal.accepted(to) == []


def rehouse(portal: House, **move: str) -> House:
    """Move a portal to another host, and return it there."""
    portal.ask("switches", **move)
    parts = urlsplit(portal.run.portal)
    [host] = move.values()
    return replace(portal, run=replace(portal.run, portal=f"{parts.scheme}://{host}:{parts.port}"))
