"""The application is uninstalled: told or not, with the data or without, and installed again (A.6)."""

import time
from collections.abc import Callable

import pytest
from psycopg import sql

from tests.faults.house import House, wait
from tests.life.portals import (
    NUMBER,
    column,
    deliver,
    heard,
    install,
    member,
    run_maintenance,
    set_columns,
    settle,
    token_users,
    wait_for_sender,
)

pytestmark = pytest.mark.long


def wait_for_departure(portal: House) -> None:
    """Wait until the uninstallation is in effect; with its data a portal loses its name at the same moment."""
    wait(lambda: column(portal, "id") is None or column(portal, "uninstalled_at") is not None, 10)


def find_traces(portal: House, words: list[str]) -> set[str]:
    """Return the tables that hold one of these words anywhere; found in the schema, not listed here."""
    tables = portal.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    query = sql.SQL("SELECT 1 FROM {} AS one WHERE one::text LIKE ANY(%s) LIMIT 1")
    patterns = [f"%{word}%" for word in words]
    return {table for (table,) in tables if portal.sql(query.format(sql.Identifier(table)), patterns)}


def count_rows(portal: House, number: int) -> dict[str, int]:
    """Return by table how many rows name the portal with this key, in whatever column the schema has for it."""
    columns = portal.sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND column_name IN ('portal_id', 'portal')"
    )
    query = sql.SQL("SELECT count(*) FROM {} WHERE {}::text = %s")
    counts = {
        table: int(portal.sql(query.format(sql.Identifier(table), sql.Identifier(name)), str(number))[0][0])
        for table, name in columns
    }
    return {table: count for table, count in counts.items() if count}


def test_tokens_go_at_once_and_a_return_finds_everything(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    code = settle(portal)
    deliver(portal, code)
    portal.ask("uninstall", clean=False)
    wait_for_departure(portal)
    assert (token_users(portal), portal.codes()) == (set(), [])
    install(portal)

    assert (column(portal, "generation"), column(portal, "uninstalled_at")) == (2, None)
    wait_for_sender(portal, code)
    deliver(portal, code)


def test_a_portal_that_leaves_with_its_data_leaves_no_trace(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    code = settle(portal)
    message = portal.send(NUMBER, code)
    portal.all_delivered([message], 20)
    neighbour = new_portal()
    settle(neighbour)
    wait(lambda: "messaging_appevent" not in count_rows(neighbour, column(neighbour, "id")), 10)  # applied, all of them
    charlies = count_rows(neighbour, column(neighbour, "id"))
    number = column(portal, "id")
    words = [member(portal), f"{portal.state()['host']}:", code, message]
    assert count_rows(portal, number).keys() > {"portals_portaltoken", "messaging_sender", "messaging_message"}
    assert find_traces(portal, words) >= {"portals_portal", "messaging_sender", "messaging_message", "journal_exchange"}
    portal.ask("uninstall", clean=True)
    wait_for_departure(portal)

    wait(lambda: not count_rows(portal, number), 30, lambda: str(count_rows(portal, number)))
    assert (count_rows(portal, number), find_traces(portal, words)) == ({}, set())
    left = count_rows(neighbour, column(neighbour, "id"))
    assert {table: left.get(table, 0) >= count for table, count in charlies.items()} == dict.fromkeys(charlies, True)
    assert token_users(neighbour) == {1}


def test_what_was_to_be_deleted_does_not_come_back_with_a_quick_return(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    deliver(portal, settle(portal))
    portal.ask("uninstall", clean=True)
    wait_for_departure(portal)
    install(portal)

    assert portal.codes() == []
    _alice, home = portal.open()
    assert "Gateway" not in home.text


def test_a_stale_uninstallation_ends_nothing_though_its_token_is_valid_again(
    new_portal: Callable[..., House],
) -> None:
    """The portal was told to install again before the event server came round to telling us that it had left."""
    portal = new_portal()
    code = settle(portal)
    portal.ask("switches", event_delay=14.0)
    portal.ask("uninstall", clean=True)
    time.sleep(3)  # the clocks of portal and application may differ by two seconds
    install(portal)
    assert heard(portal, "ONAPPUNINSTALL") == []
    wait(lambda: bool(heard(portal, "ONAPPUNINSTALL")), 10)

    assert (column(portal, "uninstalled_at"), column(portal, "erase_at")) == (None, None)
    assert token_users(portal) == {1}
    deliver(portal, code)


def test_an_uninstallation_that_nobody_told_is_found_out(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    code = settle(portal)
    waiting = portal.send(NUMBER, code)
    portal.ask("switches", lose_events=1)
    portal.ask("uninstall", clean=False)
    wait(lambda: portal.phase(waiting) == "done", 20)

    def is_noticed() -> bool:
        """As if a week had passed since the first refusal."""
        set_columns(portal, "suspended_until = now() - interval '1 second', rest_after = NULL, push_after = NULL")
        set_columns(portal, "suspended_since = suspended_since - interval '8 days'")
        run_maintenance(portal)
        return column(portal, "uninstalled_at") is not None

    wait(is_noticed, 30)
    assert token_users(portal) == set()
