"""A new key in front, everything sealed again, the old key taken out: nothing is lost on the way."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection
from pytest_django.fixtures import Settings

from b24app.core import resealing, spool
from b24app.messaging.models import Connection
from b24app.portals.models import Portal, PortalToken
from tests import factories
from tests.concurrency import hold_lock

pytestmark = pytest.mark.django_db
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture(autouse=True)
def _rows(settings: Settings, tmp_path: Path) -> None:
    """Sealed with the old key; then the new one is put in front."""
    settings.SPOOL_DIR = tmp_path
    settings.SECRETS_KEYS = [OLD]
    portal = factories.portal(application_token="application")
    factories.token(portal, access="access", refresh="refresh")
    factories.token(portal, user_id=2, access="author's", refresh="")
    factories.connection(portal, account={"token": "of the service"})
    settings.SECRETS_KEYS = [NEW, OLD]


def run(*options: str) -> int:
    """Return the command's exit code."""
    try:
        call_command("rotate_keys", "--rows-per-second", "1e6", *options)
    except SystemExit as ended:
        return int(str(ended.code))
    return 0


def test_afterwards_the_old_key_can_be_taken_out(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    assert "portals.PortalToken.access: 2 sealed again, 0 left" in capsys.readouterr().out
    settings.SECRETS_KEYS = [NEW]
    assert Portal.objects.get().application_token == "application"
    assert set(PortalToken.objects.values_list("access", "refresh")) == {("access", "refresh"), ("author's", "")}
    assert Connection.objects.get().account == {"token": "of the service"}


def test_without_it_the_old_key_is_needed(settings: Settings) -> None:
    settings.SECRETS_KEYS = [NEW]
    assert Portal.objects.get().application_token == ""
    assert Connection.objects.get().account == {}


def test_a_check_counts_and_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--check") == 1
    assert "messaging.Connection.account: 0 sealed again, 1 left (1 of key 2)" in capsys.readouterr().out
    assert run("--check") == 1
    run()
    assert run("--check") == 0


def test_what_no_key_opens_is_counted_and_left_alone(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    settings.SECRETS_KEYS = [NEW]
    assert run() == 1
    said = capsys.readouterr().out
    portal = Portal.objects.get()
    account = Connection.objects.get()
    assert "portals.PortalToken.refresh: 0 sealed again, 1 left (1 of no key)" in said
    assert f"no key opens application_token of portals.Portal {portal.pk}, {portal.domain}\n" in said
    assert f"no key opens account of messaging.Connection {account.pk} “Main account” (demo), {portal.domain}\n" in said
    settings.SECRETS_KEYS = [NEW, OLD]
    assert Portal.objects.get().application_token == "application"


def test_whoever_writes_meanwhile_wins(settings: Settings) -> None:
    column = next(one for one in resealing.find_sealed_columns() if one.name == "portals.PortalToken.refresh")
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, refresh FROM portals_portaltoken WHERE user_id = 1")
        pk, old = cursor.fetchone()
    PortalToken.objects.filter(pk=pk).update(refresh="renewed")
    assert resealing.replace_values(column, [resealing.ResealedValue(pk, old, "sealed anew")]) == 0
    assert PortalToken.objects.get(pk=pk).refresh == "renewed"


def test_it_goes_on_where_it_was_stopped() -> None:
    first = next(one for one in resealing.find_sealed_columns() if one.name == "portals.Portal.application_token")
    assert list(resealing.reseal_column(first)) == [1]
    assert list(resealing.reseal_column(first)) == [0]
    assert run() == 0


def test_every_batch_of_a_column_is_walked(settings: Settings) -> None:
    settings.SECRETS_KEYS = [OLD]
    portal = Portal.objects.get()
    PortalToken.objects.bulk_create(
        PortalToken(portal=portal, user_id=100 + number, access=f"a{number}", expires_at="2030-01-01T00:00Z")
        for number in range(resealing.BATCH_SIZE + 1)
    )
    settings.SECRETS_KEYS = [NEW, OLD]
    assert run() == 0
    settings.SECRETS_KEYS = [NEW]
    assert PortalToken.objects.get(user_id=100 + resealing.BATCH_SIZE).access == f"a{resealing.BATCH_SIZE}"


def test_what_waits_on_this_nodes_disk_is_sealed_again_too(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SECRETS_KEYS = [OLD]
    spool.put_record("wish", {"a": 1})
    settings.SECRETS_KEYS = [NEW, OLD]
    assert run("--check") == 1
    assert "on this node's disk: 0 sealed again, 1 left (1 of key 2)" in capsys.readouterr().out
    assert run() == 0
    settings.SECRETS_KEYS = [NEW]
    taken: list[object] = []
    assert spool.replay_records({"wish": taken.append}) == 1
    assert taken == [{"a": 1}]


def test_what_was_set_aside_on_this_nodes_disk_is_sealed_again_too(settings: Settings) -> None:
    settings.SECRETS_KEYS = [OLD]
    spool.put_record("riddle", {"a": 1})
    spool.replay_records({})
    settings.SECRETS_KEYS = [NEW, OLD]
    assert run() == 0
    settings.SECRETS_KEYS = [NEW]
    spool.retry_poisoned()
    assert spool.replay_records({"riddle": str}) == 1


def test_a_disk_that_a_process_replays_just_now_is_left_alone(settings: Settings) -> None:
    settings.SECRETS_KEYS = [OLD]
    spool.put_record("wish", {"a": 1})
    settings.SECRETS_KEYS = [NEW, OLD]
    with spool.replay_lock():
        assert run() == 1
    assert run() == 0


def test_the_sealed_columns_are_found_by_themselves() -> None:
    assert {one.name for one in resealing.find_sealed_columns()} == {
        "portals.LocalApplication.client_secret",
        "portals.Portal.application_token",
        "portals.PortalToken.access",
        "portals.PortalToken.refresh",
        "messaging.Connection.account",
        "messaging.Erasure.number",
        "messaging.AppEvent.payload",
        "operations.KeyCanary.value",
    }


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_is_not_waited_for(settings: Settings) -> None:
    settings.SECRETS_KEYS = [OLD]
    factories.portal(application_token="another portal's")
    settings.SECRETS_KEYS = [NEW, OLD]
    first = Portal.objects.order_by("pk")[0].pk
    with (
        hold_lock(lambda: Portal.objects.select_for_update().get(pk=first)),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET lock_timeout = '300ms'")
        try:
            assert run() == 1
        finally:
            cursor.execute("RESET lock_timeout")
    assert _stale_keys() == [1]
    assert run() == 0


def _stale_keys() -> list[int | None]:
    """Return the places of the keys that the portals' values still need."""
    column = next(one for one in resealing.find_sealed_columns() if one.name == "portals.Portal.application_token")
    return list(resealing.count_by_key(column).elements())
