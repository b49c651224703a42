"""Renewing tokens: one refresh however many ask, and no pair lost."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, connections
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.core import spool
from b24app.exchange_log.models import Exchange
from b24app.portals.errors import InDoubt, NotNow, PortalGone
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.portals.rest import token_renewal
from b24app.sandbox import Portal as There
from tests.portals.launches import ALICE, DANA, launch

POOL = 4

FAIL_THE_WRITE_BACK = """
CREATE FUNCTION shut_down() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the database is shutting down' USING ERRCODE = '57P01'; END $$;
CREATE TRIGGER shut_down BEFORE UPDATE ON portals_portaltoken FOR EACH ROW
WHEN (NEW.generation > OLD.generation) EXECUTE FUNCTION shut_down();
"""
WORK_AGAIN = "DROP TRIGGER shut_down ON portals_portaltoken; DROP FUNCTION shut_down();"


def never(token: PortalToken, error: Exception) -> None:
    """Fail: no token may be set aside."""
    raise AssertionError(token.pk) from error


@pytest.fixture
def token(portal: Portal) -> PortalToken:
    return PortalToken.objects.get(portal=portal)


@pytest.fixture
def away_at_write_back(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take the database away just when the new pair is written."""
    settings.SPOOL_DIR = tmp_path
    monkeypatch.setattr(spool, "_away_until", 0.0)  # put back afterwards: the pause is a fact of the process
    with connection.cursor() as cursor:
        cursor.execute(FAIL_THE_WRITE_BACK)
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER IF EXISTS shut_down ON portals_portaltoken")
        cursor.execute("DROP FUNCTION IF EXISTS shut_down")


def issued(there: There, user: int = ALICE) -> int:
    return sum(token.user_id == user for token in there.tokens.values())


@pytest.mark.django_db(transaction=True)
def test_however_many_want_it_a_token_is_refreshed_once(alpha: There, box: object) -> None:
    portal = launch(alpha).portal
    before, start, seen = issued(alpha), threading.Barrier(POOL), []

    def renew() -> None:
        mine = PortalToken.objects.get(portal=portal)
        start.wait()
        seen.append(token_renewal.renew_token(portal, mine).access)
        connections.close_all()

    threads = [threading.Thread(target=renew) for _ in range(POOL)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = PortalToken.objects.get(portal=portal)
    assert issued(alpha) == before + 1
    assert seen == [row.access] * POOL
    assert (row.generation, row.lease_until, row.dead_reason) == (1, None, "")


def test_a_loser_whose_winner_died_waits_for_the_lease_to_end(portal: Portal, token: PortalToken) -> None:
    PortalToken.objects.update(lease_until=timezone.now() + timedelta(seconds=0.3))
    assert token_renewal.renew_token(portal, token).generation == 1


@pytest.mark.django_db(transaction=True)
def test_a_new_pair_is_kept_on_disk_while_the_database_is_away(alpha: There, away_at_write_back: None) -> None:
    portal = launch(alpha).portal
    token = PortalToken.objects.get(portal=portal)
    old = token.refresh
    renewed = token_renewal.renew_token(portal, token)
    assert renewed.access in alpha.tokens
    assert PortalToken.objects.get().refresh == old
    assert [path.suffix for path in spool.waiting_records()] == [".tokens"]
    assert renewed.refresh.encode() not in spool.waiting_records()[0].read_bytes()
    with connection.cursor() as cursor:
        cursor.execute(WORK_AGAIN)
    # Somebody tries the spent pair before the record is replayed: it looks dead, and comes to life again.
    PortalToken.objects.update(lease_until=None)
    with pytest.raises(token_renewal.DeadToken):
        token_renewal.renew_token(portal, PortalToken.objects.get())
    assert PortalToken.objects.get().dead_reason == "invalid_grant"
    assert spool.replay_records({"tokens": token_renewal.replay_renewed_token}) == 1
    row = PortalToken.objects.get()
    assert (row.access, row.refresh, row.generation, row.dead_reason) == (renewed.access, renewed.refresh, 1, "")


def test_a_replay_does_not_overwrite_a_newer_pair(portal: Portal, token: PortalToken) -> None:
    record = {"pk": token.pk, "generation": token.generation, "access": "a", "refresh": "r"}
    record["expires_at"] = timezone.now().isoformat()
    newer = token_renewal.renew_token(portal, token)
    token_renewal.replay_renewed_token(record)
    assert PortalToken.objects.get().refresh == newer.refresh


def test_a_spent_refresh_token_is_dead_and_the_portal_is_not(portal: Portal, token: PortalToken, alpha: There) -> None:
    alpha.revoke_refresh()
    with pytest.raises(token_renewal.DeadToken):
        token_renewal.renew_token(portal, token)
    assert PortalToken.objects.get().dead_reason == "invalid_grant"
    portal.refresh_from_db()
    assert portal.suspension == ""


def test_a_token_without_a_refresh_token_dies_with_its_hour(portal: Portal, token: PortalToken, alpha: There) -> None:
    PortalToken.objects.update(refresh="")
    before = len(alpha.tokens)
    with pytest.raises(token_renewal.DeadToken):
        token_renewal.renew_token(portal, token)
    assert PortalToken.objects.get().dead_reason == "expired"
    assert len(alpha.tokens) == before


def test_an_application_that_is_not_installed_any_more(portal: Portal, token: PortalToken, alpha: There) -> None:
    alpha.switches.not_installed = True
    with pytest.raises(PortalGone):
        token_renewal.renew_token(portal, token)
    portal.refresh_from_db()
    row = PortalToken.objects.get()
    assert (portal.suspension, row.dead_reason, row.lease_until) == (Suspension.GONE, "", None)


def test_a_wrong_client_secret_is_taken_for_an_uninstallation(
    portal: Portal, token: PortalToken, settings: Settings
) -> None:
    settings.B24_CLIENT_SECRET = "wrong"
    with pytest.raises(PortalGone) as caught:
        token_renewal.renew_token(portal, token)
    assert caught.value.code == "INVALID_CLIENT"
    assert PortalToken.objects.get().dead_reason == ""


def test_a_lapsed_payment_suspends(portal: Portal, token: PortalToken, alpha: There) -> None:
    alpha.switches.payment_required = True
    with pytest.raises(NotNow):
        token_renewal.renew_token(portal, token)
    portal.refresh_from_db()
    assert portal.suspension == Suspension.PAYMENT


def test_an_unknown_client_id_harms_no_portal(portal: Portal, token: PortalToken, settings: Settings) -> None:
    settings.B24_CLIENT_ID = "somebody.else"
    with pytest.raises(NotNow) as caught:
        token_renewal.renew_token(portal, token)
    assert caught.value.code == "WRONG_CLIENT"
    portal.refresh_from_db()
    row = PortalToken.objects.get()
    assert (portal.suspension, row.dead_reason, row.lease_until) == ("", "", None)


def test_a_silent_oauth_server_leaves_the_pair_as_it_is(portal: Portal, token: PortalToken, settings: Settings) -> None:
    settings.B24_OAUTH_HOSTS = ["127.0.0.1:9"]
    with pytest.raises(InDoubt):
        token_renewal.renew_token(portal, token)
    row = PortalToken.objects.get()
    assert (row.refresh, row.dead_reason, row.lease_until) == (token.refresh, "", None)


def test_a_pair_of_another_portal_is_not_written(portal: Portal, token: PortalToken, beta: There) -> None:
    PortalToken.objects.update(refresh=beta.issue_token(1).refresh)
    with pytest.raises(InDoubt):
        token_renewal.renew_token(portal, token)
    assert PortalToken.objects.get().generation == token.generation


def test_an_uninstallation_under_way_ends_the_renewal(portal: Portal, token: PortalToken) -> None:
    PortalToken.objects.all().delete()
    with pytest.raises(token_renewal.DeadToken):
        token_renewal.renew_token(portal, token)


def test_a_renewal_is_in_the_journal_without_secrets(portal: Portal, token: PortalToken) -> None:
    renewed = token_renewal.renew_token(portal, token)
    kept = Exchange.objects.latest("id")
    assert (kept.peer, kept.path, kept.portal_id) == ("oauth", "/oauth/token/", portal.pk)
    assert renewed.refresh not in str(kept.__dict__)


# -- kept alive --------------------------------------------------------------------------------------------------------


def test_a_quiet_token_is_kept_alive_and_a_young_one_left_alone(portal: Portal, token: PortalToken) -> None:
    assert token_renewal.keep_alive(portal) == 0
    PortalToken.objects.update(refreshed_at=timezone.now() - timedelta(days=121))
    assert token_renewal.keep_alive(portal) == 1
    row = PortalToken.objects.get()
    assert row.generation == 1
    assert row.refresh != token.refresh
    assert token_renewal.keep_alive(portal) == 0


def test_one_dead_token_does_not_end_the_round(portal: Portal, alpha: There) -> None:
    launch(alpha, DANA)
    with alpha.world.lock:
        for held in alpha.tokens.values():
            held.refresh = "" if held.user_id == ALICE else held.refresh
    PortalToken.objects.update(refreshed_at=timezone.now() - timedelta(days=150))
    assert token_renewal.keep_alive(portal) == 1
    assert PortalToken.objects.get(user_id=ALICE).dead_reason == "invalid_grant"
