"""Delivery reports: verified by the service's own rules, stored once, answered as the service expects."""

import base64
import hashlib
import hmac
import uuid
from contextlib import ExitStack, nullcontext
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from b24app.core import signed_urls, spool
from b24app.messaging.models import Connection, DeliveryReport, Message, Sender
from b24app.messaging.models.statuses import Status
from b24app.messaging.reports import acceptance, applier, report_budget
from b24app.webhooks import delivery_reports
from b24app.webhooks.spool_replay import replay_spool
from providers.aws import Aws
from providers.kit import registry
from providers.kit.errors import Forged
from providers.kit.testing import FakeHttp, MemoryMemo
from tests import factories
from tests.webhooks.twilio_reports import report

pytestmark = pytest.mark.django_db


def test_a_signed_report_is_kept_and_answered_as_the_service_wants(message: Message) -> None:
    assert report(message) == 200
    kept = DeliveryReport.objects.get()
    assert (kept.ref, kept.status, kept.word, kept.reference) == ("SM1", "delivered", "delivered", message.reference)
    applier.apply_due()
    message.refresh_from_db()
    assert message.status == Status.DELIVERED
    assert Connection.objects.get().last_report_at is not None


def test_a_strangers_report_is_refused_and_not_kept(message: Message) -> None:
    assert report(message, token="guessed") == 403
    assert not DeliveryReport.objects.exists()


def test_a_foreign_address_is_refused_before_any_query(
    message: Message, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        answer = Client().post(f"/r/{message.connection.uuid.hex}/-/AAAAAAAAAAAAAAAAAAAAAA/", {})
    assert answer.status_code == 403


def test_the_address_of_one_message_does_not_serve_another(message: Message) -> None:
    url = signed_urls.report_url(message.connection.uuid.hex, message.reference.hex)
    moved = urlsplit(url).path.replace(message.reference.hex, uuid.uuid4().hex)
    assert Client().post(moved, {}).status_code == 403


def test_an_address_whose_connection_is_gone_is_not_found(db: None) -> None:
    url = signed_urls.report_url(uuid.uuid4().hex)
    assert Client().post(urlsplit(url).path, {}).status_code == 404


def test_a_report_over_a_megabyte_is_refused(message: Message) -> None:
    assert report(message, MessageStatus="x" * 1_100_000) == 413
    assert not DeliveryReport.objects.exists()


def test_a_repeated_report_is_kept_once(message: Message) -> None:
    assert [report(message) for _ in range(3)] == [200, 200, 200]
    assert DeliveryReport.objects.count() == 1


def test_charlies_signature_does_not_open_alices_address(message: Message) -> None:
    assert report(message, token="the-token-of-charlie") == 403
    applier.apply_due()
    message.refresh_from_db()
    assert message.status == Status.SENT


def test_a_report_of_a_service_that_does_not_load_waits_on_disk(
    message: Message, settings: Settings, tmp_path: Path
) -> None:
    settings.SPOOL_DIR = tmp_path
    Connection.objects.update(service="missing")
    assert report(message, MessageStatus="delivered") == 200
    replay_spool()
    Connection.objects.update(service="twilio")
    spool.retry_poisoned()
    assert replay_spool() == 1
    assert DeliveryReport.objects.get().status == Status.DELIVERED


def test_new_credentials_verify_at_once_although_the_old_are_known(message: Message) -> None:
    assert report(message) == 200
    connection = message.connection
    connection.account = {"account_sid": "AC1", "auth_token": "new"}
    connection.save()
    assert report(message, token="new", MessageStatus="sent") == 200
    assert report(message, token="guessed", MessageStatus="failed") == 403
    assert set(DeliveryReport.objects.values_list("status", flat=True)) == {"delivered", "sent"}


def test_a_connection_that_is_gone_is_noticed_although_it_was_known(message: Message) -> None:
    assert report(message) == 200
    Message.objects.all().delete()
    Sender.objects.all().delete()
    Connection.objects.all().delete()
    assert report(message, MessageStatus="sent") == 404
    assert not DeliveryReport.objects.exists()


def test_the_hour_of_the_last_report_is_not_written_for_each(message: Message) -> None:
    report(message)
    first = Connection.objects.get().last_report_at
    report(message, MessageStatus="sent")
    assert (DeliveryReport.objects.count(), Connection.objects.get().last_report_at) == (2, first)


@pytest.mark.parametrize(("waited", "status"), [(3600, 1), (0, 0)])
def test_a_replay_window_is_measured_from_the_coming_of_a_report_not_from_its_replay(
    message: Message, waited: int, status: int
) -> None:
    """A report may have been spooled for an hour; a stranger's replay of an old call arrives now."""
    account = {"service_plan_id": "p", "api_token": "t", "region": "eu", "webhook_secret": "hush"}
    Connection.objects.update(service="sinch", account=account)
    body = b'{"type": "recipient_delivery_report_sms", "batch_id": "SM1", "recipient": "1", "status": "Delivered"}'
    signed_at = int(timezone.now().timestamp()) - 3600
    signed = body + f".n.{signed_at}".encode()
    headers = {
        "Content-Type": "application/json",
        "x-sinch-webhook-signature": base64.b64encode(hmac.new(b"hush", signed, hashlib.sha256).digest()).decode(),
        "x-sinch-webhook-signature-nonce": "n",
        "x-sinch-webhook-signature-timestamp": str(signed_at),
    }
    record = {
        "connection": message.connection.uuid.hex,
        "reference": message.reference.hex,
        "method": "POST",
        "url": "https://sendline.example/r/",
        "query": "",
        "headers": headers,
        "body": base64.b64encode(body).decode(),
        "at": timezone.now().timestamp() - waited,
    }
    with nullcontext() if status else pytest.raises(Forged):
        delivery_reports.replay_report(record)
    assert DeliveryReport.objects.count() == status


def many_results(connection: Connection, first: int, count: int) -> int:
    """Return the status of a call to the account's address, which anybody who has it can make."""
    url = signed_urls.report_url(connection.uuid.hex, "-")
    results = [{"message-id": uuid.UUID(int=n).hex, "status": "delivered"} for n in range(first, first + count)]
    return Client().post(urlsplit(url).path, {"messages": results}, content_type="application/json").status_code


@pytest.fixture
def flooded() -> Connection:
    """Return an account of a service that signs nothing."""
    return Connection.objects.create(portal=factories.portal(), service="playmobile", title="P", account={})


def keep_strays(connection: Connection, count: int) -> None:
    """Store reports that matched nothing once and wait for the next attempt."""
    later = timezone.now() + timedelta(seconds=50)
    row = {"connection": connection, "word": "delivered", "status": "delivered", "tries": 1, "due_at": later}
    kept = [DeliveryReport(fingerprint=f"stray {n}", reference=uuid.UUID(int=n), **row) for n in range(count)]
    DeliveryReport.objects.bulk_create(kept, batch_size=2000)


@pytest.mark.parametrize("code", [code for code in registry.services() if not registry.get(code).can("read_reports")])
def test_a_service_that_never_reports_is_not_called_at_all_and_fills_no_disk(code: str) -> None:
    connection = Connection.objects.create(portal=factories.portal(), service=code, title="S", account={})
    url = urlsplit(signed_urls.report_url(connection.uuid.hex, "-")).path
    assert Client().post(url, {"id": "7", "status": "delivered"}, content_type="application/json").status_code == 404
    assert (DeliveryReport.objects.count(), spool.waiting_records()) == (0, [])


def test_a_call_with_more_results_than_any_service_gathers_is_refused(flooded: Connection) -> None:
    assert many_results(flooded, 0, report_budget.MAX_RESULTS) == 200
    assert many_results(flooded, 10_000, report_budget.MAX_RESULTS + 1) == 413
    assert DeliveryReport.objects.count() == report_budget.MAX_RESULTS


def test_reports_of_messages_that_nobody_sent_are_refused_above_a_budget_of_the_portal(
    flooded: Connection, message: Message
) -> None:
    keep_strays(flooded, report_budget.MAX_UNMATCHED)
    assert many_results(flooded, 20_000, report_budget.COUNT_EVERY - 1) == 200  # they were not counted yet
    assert many_results(flooded, 30_000, 1) == 429
    beside = Connection.objects.create(portal=flooded.portal, service="playmobile", title="Q", account={})
    assert many_results(beside, 40_000, 1) == 429  # the accounts of a portal share it
    assert report(message) == 200  # another portal's does not
    assert DeliveryReport.objects.count() == report_budget.MAX_UNMATCHED + report_budget.COUNT_EVERY


def test_above_the_budget_a_call_is_refused_before_it_is_taken_apart(flooded: Connection) -> None:
    url = urlsplit(signed_urls.report_url(flooded.uuid.hex, "-")).path
    assert Client().post(url, "no JSON", content_type="application/json").status_code == 400
    keep_strays(flooded, report_budget.MAX_UNMATCHED)
    many_results(flooded, 20_000, report_budget.COUNT_EVERY - 1)
    assert many_results(flooded, 30_000, 1) == 429
    assert Client().post(url, "no JSON", content_type="application/json").status_code == 429


def test_an_account_with_fewer_strays_than_that_is_heard(flooded: Connection) -> None:
    keep_strays(flooded, report_budget.MAX_UNMATCHED - 1)
    assert many_results(flooded, 20_000, report_budget.COUNT_EVERY) == 200


def test_what_waited_on_disk_is_taken_whatever_waits(flooded: Connection, tmp_path: Path, settings: Settings) -> None:
    settings.SPOOL_DIR = tmp_path
    keep_strays(flooded, report_budget.MAX_UNMATCHED)
    assert many_results(flooded, 20_000, report_budget.COUNT_EVERY) == 429
    body = b'{"messages": [{"message-id": "9", "status": "delivered"}]}'
    kept = {"connection": flooded.uuid.hex, "reference": "-", "method": "POST", "url": "", "query": "", "at": 0.0}
    headers = {"Content-Type": "application/json"}
    spool.put_record("report", {**kept, "headers": headers, "body": base64.b64encode(body).decode()})
    assert replay_spool() == 1
    assert DeliveryReport.objects.count() == report_budget.MAX_UNMATCHED + 1


@pytest.fixture
def online() -> Connection:
    """Return an account of a service whose certificate is fetched to verify its reports."""
    account = {"region": "eu-central-1", "access_key_id": "A", "secret_access_key": "S"}
    return Connection.objects.create(portal=factories.portal(), service="aws", title="A", account=account)


def test_while_two_reports_wait_for_their_services_another_waits_on_disk(
    online: Connection, message: Message, settings: Settings, tmp_path: Path
) -> None:
    settings.SPOOL_DIR = tmp_path
    at = urlsplit(signed_urls.report_url(online.uuid.hex)).path
    service = Aws(online.account, FakeHttp(), MemoryMemo())
    places = [acceptance.online_check_slot(service, patient=False) for _ in range(acceptance.MAX_ONLINE_CHECKS)]
    with ExitStack() as held:
        for place in places:
            held.enter_context(place)
        assert Client().post(at, "{}", content_type="application/json").status_code == 200
        assert [kept.suffix for kept in spool.waiting_records()] == [".report"]
        assert report(message) == 200  # of a service that is not asked
    assert DeliveryReport.objects.count() == 1
    assert Client().post(at, "{}", content_type="application/json").status_code == 403
