"""Who is an administrator: what it costs the portal to be asked, and what holds while it does not answer."""

import time
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone

from b24app.core.redis import redis_client
from b24app.portals.callers.admin_rights import ASKED_AGAIN_AFTER, ASKED_AGAIN_PER_HOUR, AT_ONCE_EVERY
from b24app.portals.models import Portal, PortalToken
from b24app.portals.page_tickets import read_ticket
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as There
from b24app.sandbox.state import User
from tests.portals.launches import ALICE, BOB, DANA, asked, posted

pytestmark = pytest.mark.django_db
PROBE = "messageservice.sender.list"
LIMIT = MethodError(PROBE, "QUERY_LIMIT_EXCEEDED", "Too many requests", 503)


@pytest.fixture
def ours(portal: Portal, alpha: There) -> Portal:
    """Alpha, installed by Alice; what the portal was asked for that is forgotten."""
    Portal.objects.update(installed_at=timezone.now())
    alpha.set_user(DANA, language="en")
    alpha.world.running[alpha.state.key].rest_log.clear()
    return Portal.objects.get(pk=portal.pk)


def open_page(there: There, user: int, path: str = "/app/") -> Any:
    query, form = posted(there.frame(user, install=False))
    return Client().post(f"{path}?{urlencode(query)}", form)


def renew(there: There, user: int) -> Any:
    query, form = posted(there.frame(user, install=False))
    return Client().post("/session/", query | form)


def right(there: There, user: int) -> bool:
    """Return whether a page of this user has an administrator's ticket."""
    return read_ticket(renew(there, user).json()["ticket"]).is_admin


def age_denials(seconds: float) -> None:
    """Let what the portal said be so much older."""
    for key in redis_client().keys("not-admin:*"):
        redis_client().set(key, float(redis_client().get(key) or 0) - seconds, keepttl=True)


def hire(there: There, count: int) -> list[int]:
    """Add employees; return their ids."""
    ids = list(range(100, 100 + count))
    there.users.update({one: User(one, "Employee", str(one)) for one in ids})
    return ids


def test_the_pages_of_sixty_employees_cost_one_question_each_and_then_a_handful_an_hour(
    ours: Portal, alpha: There
) -> None:
    alpha.switches.bucket = False
    employees = hire(alpha, 60)
    for one in employees:
        assert open_page(alpha, one).status_code == 200
    assert asked(alpha, PROBE) == ["ACCESS_DENIED"] * 60
    for one in employees:
        open_page(alpha, one)
        assert not right(alpha, one)
    assert len(asked(alpha, PROBE)) == 60
    age_denials(ASKED_AGAIN_AFTER)  # the next morning
    for one in employees:
        open_page(alpha, one)
        assert not right(alpha, one)
    assert len(asked(alpha, PROBE)) == 60 + ASKED_AGAIN_PER_HOUR


def test_with_the_portals_bucket_full_everybody_gets_a_page_and_nobody_a_wrong_one(ours: Portal, alpha: There) -> None:
    waited = []
    for one in hire(alpha, 8):
        alpha.world.running[alpha.state.key].bucket.level = 40.0 if one % 2 else 60.0
        page = open_page(alpha, one)
        if page.status_code == 503:
            waited.append(one)
            assert b"sendline-ticket" not in page.content
    assert waited == [100, 102, 104, 106]
    alpha.empty_bucket()
    assert [right(alpha, one) for one in waited] == [False] * len(waited)


@pytest.mark.parametrize("code", ["QUERY_LIMIT_EXCEEDED", "OPERATION_TIME_LIMIT"])
def test_a_second_administrator_at_the_limit_is_asked_to_try_again(ours: Portal, alpha: There, code: str) -> None:
    alpha.switches.method_errors = [MethodError(PROBE, code, "Too much", 503, times=2)]
    page = open_page(alpha, DANA)
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert "Sendline is busy right now." in page.content.decode()
    assert b"sendline-ticket" not in page.content
    assert renew(alpha, DANA).status_code == 503
    assert not PortalToken.objects.filter(user_id=DANA).exists()
    assert right(alpha, DANA)
    assert PortalToken.objects.get(user_id=DANA).is_admin


def test_an_administrator_at_the_limit_keeps_the_last_known_right(ours: Portal, alpha: There) -> None:
    right(alpha, BOB)
    age_denials(ASKED_AGAIN_AFTER)
    alpha.switches.method_errors = [LIMIT]
    assert [right(alpha, ALICE), right(alpha, BOB)] == [True, False]


def test_the_portals_silence_takes_nobody_for_an_employee_unasked(ours: Portal, alpha: There) -> None:
    alpha.switches.down = True
    page = open_page(alpha, DANA)
    assert "Bitrix24 is not responding" in page.content.decode()
    assert b"sendline-ticket" not in page.content


def test_an_employee_who_becomes_an_administrator_is_one_as_soon_as_it_is_asked_again(
    ours: Portal, alpha: There
) -> None:
    assert not right(alpha, BOB)
    alpha.set_user(BOB, admin=True)
    assert not right(alpha, BOB)
    age_denials(ASKED_AGAIN_AFTER)
    assert right(alpha, BOB)
    alpha.set_user(BOB, admin=False)
    assert not right(alpha, BOB)
    assert asked(alpha, PROBE) == ["ACCESS_DENIED", "ok", "ACCESS_DENIED"]


def test_the_installer_asks_at_once_but_not_for_each_click(ours: Portal, alpha: There) -> None:
    open_page(alpha, BOB, "/install/")
    open_page(alpha, BOB, "/install/")
    assert asked(alpha, PROBE) == ["ACCESS_DENIED"]
    alpha.set_user(BOB, admin=True)
    age_denials(AT_ONCE_EVERY)
    open_page(alpha, BOB, "/install/")
    assert PortalToken.objects.get(user_id=BOB).is_admin


def test_a_demoted_administrator_is_noticed_at_the_next_page(ours: Portal, alpha: There) -> None:
    assert right(alpha, ALICE)
    alpha.set_user(ALICE, admin=False)
    assert not right(alpha, ALICE)
    alpha.switches.method_errors = [LIMIT]
    assert not right(alpha, ALICE)
    redis_client().flushdb()
    assert not right(alpha, ALICE)


@pytest.mark.parametrize("code", ["authorization_error", "user_access_error"])
def test_who_was_dismissed_is_no_administrator_for_the_rest_of_the_token_s_hour(
    ours: Portal, alpha: There, code: str
) -> None:
    alpha.switches.method_errors = [MethodError(PROBE, code, status=401)]
    assert not right(alpha, ALICE)
    assert not PortalToken.objects.get(user_id=ALICE).is_admin


def test_without_redis_the_portal_is_asked_and_its_answer_holds(ours: Portal, alpha: There, settings: Any) -> None:
    redis_client.cache_clear()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    try:
        assert [right(alpha, BOB), right(alpha, BOB), right(alpha, ALICE)] == [False, False, True]
    finally:
        redis_client.cache_clear()
    assert asked(alpha, PROBE) == ["ACCESS_DENIED", "ACCESS_DENIED", "ok"]


def test_a_remembered_no_is_one_portals_alone(ours: Portal, alpha: There, beta: There) -> None:
    """Charlie has the number that an employee of Alice's has."""
    alpha.users[BOB].admin = False
    beta.users[BOB] = User(BOB, "Chris", "Clark", admin=True)
    assert not right(alpha, BOB)
    assert right(beta, BOB)


# -- somebody who says so ----------------------------------------------------------------------------------------------


def page_of(there: There, portal: Portal, user: int, **headers: str) -> Any:
    """Press the button on a page with a good ticket."""
    ticket = renew(there, user).json()["ticket"]
    asks = {"Authorization": f"Bearer {ticket}", "HX-Request": "true", "HX-Target": "content", **headers}
    return Client(headers=asks).post(f"/p/{portal.uuid.hex}/rights/")


def test_who_says_so_is_asked_about_at_once(ours: Portal, alpha: There) -> None:
    assert not right(alpha, BOB)
    alpha.set_user(BOB, admin=True)
    age_denials(AT_ONCE_EVERY)
    assert page_of(alpha, ours, BOB).status_code == 401  # so the page renews its ticket, and repeats itself
    again = page_of(alpha, ours, BOB, **{"Sendline-Again": "1"})
    assert again.status_code == 200
    assert "Bitrix24 confirmed that you’re an administrator." in again["HX-Trigger"].encode().decode("unicode_escape")
    assert f"/p/{ours.uuid.hex}/" in again["HX-Location"]


def test_who_says_so_without_being_one_is_told_and_asked_about_once_a_minute(ours: Portal, alpha: There) -> None:
    assert not right(alpha, BOB)
    told = page_of(alpha, ours, BOB)
    assert (told.status_code, len(asked(alpha, PROBE))) == (204, 1)
    assert "not an administrator" in told["HX-Trigger"]
    age_denials(AT_ONCE_EVERY)
    assert page_of(alpha, ours, BOB).status_code == 401
    assert page_of(alpha, ours, BOB, **{"Sendline-Again": "1"}).status_code == 204
    assert len(asked(alpha, PROBE)) == 2
    assert not PortalToken.objects.filter(user_id=BOB).exists()


def test_a_denial_is_forgotten_after_a_week(ours: Portal, alpha: There) -> None:
    right(alpha, BOB)
    [key] = redis_client().keys(f"not-admin:{ours.pk}:*")
    assert 7 * 86_400 - 60 < redis_client().ttl(key) <= 7 * 86_400
    assert abs(float(redis_client().get(key) or 0) - time.time()) < 60
