"""A plan lapses, a payment is missed and made: statuses wait for it and are told afterwards (F.6, K)."""

import html
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import pytest

from b24app.operations.local import visitor
from tests.faults.house import House, wait
from tests.life.portals import NUMBER, column, deliver, set_columns, settle

pytestmark = pytest.mark.long


def is_suspended(portal: House, kind: str) -> bool:
    return bool(column(portal, "suspension") == kind)


def read_reconnect_state(portal: House) -> str:
    """Return what the link to Bitrix24 on Alice's page carries."""
    alice, home = portal.open()
    link = re.search(r'href="([^"]*/oauth/authorize/[^"]*)"', alice.get(urljoin(home.url, "reconnect/")).text)
    assert link
    return parse_qs(urlsplit(html.unescape(link[1])).query)["state"][0]


def send_unheard(portal: House, code: str, kind: str) -> str:
    """Send a message whose end the portal refuses to hear."""
    message = portal.send(NUMBER, code)
    wait(lambda: is_suspended(portal, kind), 25, lambda: str(column(portal, "suspension")))
    return message


def test_statuses_wait_for_a_lapsed_plan_and_are_told_after_the_next_opening(new_portal: Callable[..., House]) -> None:
    portal = new_portal(lapsed_silent=True)
    code = settle(portal)
    portal.ask("switches", lapsed_plan=True)
    message = send_unheard(portal, code, "plan")
    wait(lambda: portal.statuses([message]) == {"sent"}, 10)
    asked = len(portal.ask("rest_log")["rest_log"])
    portal.ask("switches", lapsed_plan=False)
    assert len(portal.ask("rest_log")["rest_log"]) == asked
    portal.open()

    portal.all_delivered([message], 20)
    assert column(portal, "suspension") == ""


@pytest.mark.parametrize("bare", [False, True])
def test_a_payment_that_is_told_ends_the_wait(new_portal: Callable[..., House], bare: bool) -> None:
    portal = new_portal(bare_payment=bare)
    code = settle(portal)
    message = portal.send(NUMBER, code)
    portal.ask("switches", payment_required=True)
    wait(lambda: is_suspended(portal, "payment"), 25, lambda: str(column(portal, "suspension")))
    lost = portal.send(NUMBER, code)
    assert portal.messages()[lost]["note"] == "App was not paid"
    portal.ask("switches", payment_required=False)
    paid = {"STATUS": "S", "PAYMENT_EXPIRED": "N", "DAYS": "30"}
    assert portal.ask("fire", event="ONAPPPAYMENT", data=paid) == {"handlers": 1}

    wait(lambda: not column(portal, "suspension"), 15)
    portal.all_delivered([message], 20)


def test_a_refresh_does_not_take_the_authorization_servers_name_for_the_portals(
    new_portal: Callable[..., House],
) -> None:
    portal = new_portal()
    code = settle(portal)
    domain = portal.state()["domain"]
    portal.ask("switches", expire_tokens=True)
    deliver(portal, code)

    assert column(portal, "domain") == domain
    assert portal.sql("SELECT count(*) FROM portals_portal WHERE domain = %s", domain) == [(1,)]


def test_statuses_that_nobody_rang_for_are_found_by_the_sweep(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    code = settle(portal)
    portal.ask("switches", down=True)
    message = portal.send(NUMBER, code)
    wait(lambda: column(portal, "push_after") is not None, 25)
    portal.run.supervisor.crash("worker")  # with the rings that it had taken for later
    portal.flush()
    portal.ask("switches", down=False)
    set_columns(portal, "push_after = NULL, rest_after = NULL, push_lease_until = NULL")
    portal.sql("UPDATE messaging_message SET push_at = now() WHERE message_id = %s", message)
    portal.worker()

    portal.all_delivered([message], 15)


def test_an_administrator_reconnects_and_everything_that_waited_is_told(new_portal: Callable[..., House]) -> None:
    portal = new_portal(update_silent=True)
    code = settle(portal)
    state = read_reconnect_state(portal)
    portal.ask("switches", revoke_refresh=True, expire_tokens=True, no_author=True)
    message = portal.send(NUMBER, code)
    wait(lambda: column(portal, "no_token_since") is not None, 25)
    portal.sql("UPDATE messaging_message SET push_at = now() WHERE message_id = %s", message)
    portal.ask("update")
    back = {"code": portal.ask("code", user=1)["code"], "state": state}
    page = visitor.fetch_page("GET", f"{portal.run.app}/oauth/?{urlencode(back)}")

    assert page.status == 200
    assert column(portal, "no_token_since") is None
    wait(lambda: portal.codes() == [code], 10)  # compared with ours, though nobody opened the installer
    portal.all_delivered([message], 15)
