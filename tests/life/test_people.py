"""Whose token is used: administrators come and go, and the portal has a user of its own for us (B.5, J12)."""

from collections.abc import Callable

import pytest

from tests.faults.house import House, wait
from tests.life.portals import column, deliver, heard, member, open_as, run_maintenance, settle, token_users

pytestmark = pytest.mark.long


def system_user(portal: House) -> int:
    return next(int(user["id"]) for user in portal.state()["users"] if user["system"])


def test_statuses_go_on_with_the_system_users_token_when_the_administrator_is_dismissed(
    new_portal: Callable[..., House],
) -> None:
    portal = new_portal(system_user=True)
    code = settle(portal)
    wait(lambda: token_users(portal) == {1, system_user(portal)}, 10, lambda: str(token_users(portal)))
    portal.ask("switches", fire=1, no_author=True)
    deliver(portal, code)

    wait(lambda: token_users(portal) == {system_user(portal)}, 10, lambda: str(token_users(portal)))
    assert column(portal, "no_token_since") is None


@pytest.mark.parametrize("early", [False, True])
def test_a_system_user_without_rights_is_not_relied_on(new_portal: Callable[..., House], early: bool) -> None:
    portal = new_portal(system_user=True, system_user_admin=False, system_user_early=early)
    deliver(portal, settle(portal))

    assert token_users(portal) == {1}


def test_a_system_user_that_is_announced_before_anybody_opens_a_page_is_kept(
    new_portal: Callable[..., House],
) -> None:
    portal = new_portal(system_user=True, system_user_early=True)
    portal.ask("install")
    wait(lambda: token_users(portal) == {1, system_user(portal)}, 10)  # the installer's own come along
    deliver(portal, settle(portal))

    assert token_users(portal) == {1, system_user(portal)}


def test_a_system_user_that_a_busy_portal_could_not_confirm_is_kept_later(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    settle(portal)
    portal.ask("switches", system_user=True, unavailable=True)
    portal.ask("switches", announce=1)
    tried = "SELECT tries FROM messaging_appevent WHERE name = 'ONAPPUSERREADY'"
    wait(lambda: any(count for (count,) in portal.sql(tried)), 10)
    portal.ask("switches", unavailable=False)

    wait(lambda: "" in heard(portal, "ONAPPUSERREADY"), 20)
    assert token_users(portal) == {1, system_user(portal)}


def test_the_other_administrators_token_takes_over(new_portal: Callable[..., House]) -> None:
    portal = new_portal()
    portal.ask("switches", employ={"id": 2, "name": "Dana", "admin": True})
    code = settle(portal)
    open_as(portal, 2)
    open_as(portal, 1)  # so hers is the freshest, and tried first
    assert token_users(portal) == {1, 2}
    portal.ask("switches", fire=1, no_author=True)
    deliver(portal, code)

    assert token_users(portal) == {2}


def test_a_token_that_nobody_used_for_four_months_is_renewed_and_others_are_not(
    new_portal: Callable[..., House],
) -> None:
    portal, other = new_portal(), new_portal()
    for one in (portal, other):
        settle(one)
    mine = "portal_id = (SELECT id FROM portals_portal WHERE member_id = %s)"
    generation = f"SELECT generation FROM portals_portaltoken WHERE {mine}"  # noqa: S608 - written here
    [(before,)], others = portal.sql(generation, member(portal)), other.sql(generation, member(other))
    age = f"UPDATE portals_portaltoken SET refreshed_at = now() - interval '121 days' WHERE {mine}"  # noqa: S608
    portal.sql(age, member(portal))
    run_maintenance(portal)  # gives each portal its jobs
    wait(lambda: portal.sql("SELECT count(*) FROM messaging_maintenancejob WHERE kind = 'tokens'")[0][0] >= 2, 10)
    portal.sql("UPDATE messaging_maintenancejob SET due_at = now() WHERE kind = 'tokens'")
    run_maintenance(portal)
    wait(lambda: portal.sql(generation, member(portal)) != [(before,)], 10)

    # Once, or once more where a call met the new token before the portal knew it.
    assert portal.sql(generation, member(portal))[0][0] in {before + 1, before + 2}
    assert other.sql(generation, member(other)) == others
