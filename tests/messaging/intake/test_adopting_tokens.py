"""An old box tells its application_token with each message; it is believed once the OAuth server knows the caller."""

import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.core import signed_urls
from b24app.core.redis import redis_client
from b24app.exchange_log.models import Exchange
from b24app.messaging import sweep, tasks
from b24app.messaging.intake import batch_insert
from b24app.messaging.maintenance import due_jobs
from b24app.messaging.models import Connection, MaintenanceJob, Message, Sender
from b24app.messaging.models.maintenance import JobKind
from b24app.messaging.push import sender_registration
from b24app.portals import installation
from b24app.portals.callers import token_candidates
from b24app.portals.models import Portal
from b24app.sandbox import Portal as SandboxPortal
from b24app.sandbox import delivery
from b24app.sandbox.delivery import SendRequest
from b24app.sandbox.phpform import encode_form

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def sender(alpha: SandboxPortal, live: Portal, connection: Connection) -> Sender:
    """Return a sender of a box whose application_token nobody has told us."""
    assert live.application_token == ""
    new = Sender(portal=live, connection=connection, names={"en": "Acme"}, signature="+12025550142")
    sender_registration.save_sender(new)
    return sender_registration.register_sender(new)


def call(alpha: SandboxPortal, sender: Sender, *, author: int = 7, **auth: Any) -> None:
    """Send a message as the portal does; Bob writes it, unless `author` says otherwise."""
    overrides: dict[str, Any] = {"auth": auth} if auth else {}
    wish = SendRequest("+12025550147", "Hello", sender.code, author, "bizproc", overrides)
    _row, handler, body = delivery.write_message(alpha.world, alpha.state, wish)
    assert Client().post(urlsplit(handler).path, body, content_type=FORM).status_code == 200


def work(portal: Portal) -> str:
    """Run the portal's jobs that somebody asked for; return the application_token that we know then."""
    if portal.pk in due_jobs.urgent_portals():
        tasks.maintain_portal(portal.pk)
    portal.refresh_from_db()
    return portal.application_token


def test_it_is_adopted_by_a_worker_and_nobody_is_asked_at_the_door(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    before = (len(alpha.rest_log), Exchange.objects.count())
    call(alpha, sender)
    live.refresh_from_db()
    assert (live.application_token, len(alpha.rest_log), Exchange.objects.count()) == ("", *before)
    assert Message.objects.count() == 1
    assert work(live) == alpha.state.app.token


def test_from_then_on_an_uninstallation_with_the_tick_is_believed(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    call(alpha, sender)
    work(live)
    live.tokens.update(refreshed_at=timezone.now() - timedelta(minutes=1))
    fields = {
        "event": "ONAPPUNINSTALL",
        "data": {"CLEAN": "1"},
        "ts": int(time.time()),
        "auth": {"member_id": alpha.member_id, "application_token": alpha.state.app.token},
    }
    path = urlsplit(signed_urls.events_url(live.uuid.hex, live.generation)).path
    assert Client().post(path, encode_form(fields), content_type=FORM).status_code == 200
    for event_id in sweep.to_apply_app_events():
        tasks.apply_app_event(event_id)
    live.refresh_from_db()
    assert live.uninstalled_at is not None
    assert live.erase_at is not None
    assert live.erase_at <= timezone.now()


def test_a_known_one_is_never_replaced(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    Portal.objects.update(application_token="known")
    batch_insert.read_sender_settings(sender.uuid)
    call(alpha, sender)
    assert work(live) == "known"
    assert not MaintenanceJob.objects.filter(kind=JobKind.TOKENS).exists()
    token_candidates.keep_candidate(live.pk, alpha.state.app.token, alpha.issue_token(7).access)
    MaintenanceJob.objects.request(live.pk, (JobKind.TOKENS,))
    assert work(live) == "known"


@pytest.mark.parametrize("access", ["invented", "", "of beta"])
def test_whoever_is_nobody_of_this_portal_proves_nothing(
    alpha: SandboxPortal, live: Portal, sender: Sender, access: str
) -> None:
    if access == "of beta":
        beta = SandboxPortal(alpha.world, alpha.world.portals["beta"])
        beta.install()
        access = beta.issue_token(1).access
    call(alpha, sender, access_token=access, application_token="planted")
    assert work(live) == ""
    call(alpha, sender)
    assert work(live) == alpha.state.app.token


def test_a_copy_of_the_portal_proves_nothing(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    call(alpha, sender, domain="copy.example", client_endpoint="https://copy.example/rest/")
    assert work(live) == ""


def test_a_call_without_an_author_tells_none(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    call(alpha, sender, author=0)
    assert work(live) == ""
    assert not MaintenanceJob.objects.filter(kind=JobKind.TOKENS).exists()


def test_while_the_oauth_server_is_silent_it_waits(
    alpha: SandboxPortal, live: Portal, sender: Sender, settings: Settings
) -> None:
    right, settings.B24_OAUTH_HOSTS = settings.B24_OAUTH_HOSTS, ["127.0.0.1:9"]
    call(alpha, sender)
    assert work(live) == ""
    job = MaintenanceJob.objects.get(kind=JobKind.TOKENS)
    assert (job.error, job.is_urgent, job.due_at > timezone.now()) == ("OAUTH_SILENT", True, True)
    settings.B24_OAUTH_HOSTS = right
    MaintenanceJob.objects.update(due_at=timezone.now())
    assert work(live) == alpha.state.app.token


def test_what_waits_for_proof_is_sealed_and_goes_with_an_uninstallation(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    call(alpha, sender)
    kept = redis_client().get(f"candidate:{live.pk}")
    assert isinstance(kept, bytes)
    assert alpha.state.app.token.encode() not in kept
    assert 0 < redis_client().ttl(f"candidate:{live.pk}") <= 3600
    installation.uninstall_portal(live, clean=False)
    assert redis_client().get(f"candidate:{live.pk}") is None
    assert work(live) == ""


def test_many_messages_ask_for_one_proof(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    for _ in range(5):
        call(alpha, sender)
    assert MaintenanceJob.objects.get(kind=JobKind.TOKENS).requests == 1
