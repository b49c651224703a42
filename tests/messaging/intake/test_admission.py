"""Replaced addresses of handlers: an old one cannot be used to send, and no call of the portal is lost."""

import threading
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import connection as database
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from b24app.core import signed_urls, spool
from b24app.messaging.models import Connection, Message, Sender, SenderState
from b24app.messaging.models.statuses import Phase, Reason, Status
from b24app.messaging.push import sender_registration
from b24app.portals import installation
from b24app.portals.errors import InDoubt
from b24app.portals.identity import Launch
from b24app.portals.models import Portal
from b24app.sandbox import MethodError, Sandbox
from b24app.sandbox import Portal as SandboxPortal
from b24app.webhooks.spool_replay import HANDLERS
from tests.messaging.steps import accept_message, drain

FORM = "application/x-www-form-urlencoded"
TOKEN = "the-application-token"


@pytest.fixture
def sender(live: Portal, connection: Connection) -> Sender:
    """Return a sender that the portal really has."""
    Portal.objects.filter(pk=live.pk).update(application_token=TOKEN)
    live.refresh_from_db()
    new = Sender(portal=live, connection=connection, names={"en": "Acme"}, signature="+12025550142")
    sender_registration.save_sender(new)
    return sender_registration.register_sender(new)


def path(sender: Sender) -> str:
    """Return the newest address, as we would tell it now."""
    return urlsplit(signed_urls.handler_url(sender.uuid.hex, sender.generation)).path


def call(address: str, auth: Mapping[str, str] | None = None, **fields: str) -> int:
    """Post what the portal posts, and return the status."""
    said = {"message_id": uuid.uuid4().hex, "message_to": "+12025550147", "message_body": "Hello", **fields}
    said |= {f"auth[{name}]": value for name, value in (auth or {}).items()}
    return Client().post(address, urlencode(said), content_type=FORM).status_code


def silent(alpha: SandboxPortal, method: str = "*", times: int = -1) -> None:
    """From now on the portal answers nothing one could believe."""
    alpha.switches.method_errors = [MethodError(method, "INTERNAL_SERVER_ERROR", status=500, times=times)]


def come_back(portal: Portal, alpha: SandboxPortal) -> Portal:
    """Install the application again and open it as Alice; nothing was compared yet."""
    portal.refresh_from_db()
    launch = Launch(portal, 1, True, "en", "DEFAULT", {}, True, "2")
    installation.record_opening(launch, at_installer=True)
    token = alpha.issue_token(1)
    portal.tokens.create(
        user_id=1,
        access=token.access,
        refresh=token.refresh,
        expires_at=timezone.now() + timedelta(hours=1),
        is_admin=True,
    )
    Portal.objects.filter(pk=portal.pk).update(application_token=TOKEN)
    return Portal.objects.get(pk=portal.pk)


# -- replaced by a person ----------------------------------------------------------------------------------------------


def test_an_old_address_is_refused_once_the_portal_has_the_new_one(alpha: SandboxPortal, sender: Sender) -> None:
    old = path(sender)
    assert call(old) == 200  # and what is needed of the sender is known by heart from now on
    sender_registration.renew_address(sender)
    assert alpha.senders[sender.code].handler == signed_urls.public_url(path(sender)) != signed_urls.public_url(old)
    assert [call(old), call(old, message_to="nobody"), call(path(sender))] == [403, 403, 200]
    assert Message.objects.count() == 2


def test_an_old_address_works_until_the_portal_has_the_new_one(
    alpha: SandboxPortal, sender: Sender, live: Portal
) -> None:
    old = path(sender)
    silent(alpha)
    with pytest.raises(InDoubt):
        sender_registration.renew_address(sender)
    assert [call(old), call(path(sender))] == [200, 200]
    alpha.switches.method_errors = []
    sender_registration.reconcile_senders(live)
    sender.refresh_from_db()
    assert [call(old), call(path(sender))] == [403, 200]
    assert Message.objects.count() == 3


def test_a_refused_new_address_leaves_the_old_one_in_service(alpha: SandboxPortal, sender: Sender) -> None:
    old = path(sender)
    alpha.switches.method_errors = [MethodError("messageservice.sender.update", "ERROR_WRONG_HANDLER_URL", "No")]
    assert sender_registration.renew_address(sender).state == SenderState.REFUSED
    assert call(old) == 200


def test_a_delayed_call_is_accepted_for_an_hour_by_its_token(sender: Sender) -> None:
    old = path(sender)
    sender_registration.renew_address(sender)
    assert call(old, {"application_token": TOKEN}) == 200
    assert call(old, {"application_token": "another"}) == 403
    assert call(old, {"application_token": "\u00e9"}) == 403
    assert call(old) == 403
    Sender.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
    assert call(old, {"application_token": TOKEN}) == 403
    assert Message.objects.count() == 1


def test_renaming_a_sender_keeps_its_address(sender: Sender) -> None:
    edited = Sender.objects.select_related("portal").get(pk=sender.pk)
    sender_registration.renew_address(sender)
    edited.names = {"en": "Reception"}
    sender_registration.save_sender(edited)  # read before the address was replaced
    sender_registration.register_sender(edited)
    assert Sender.objects.get().generation == sender.generation == 2


@pytest.mark.django_db(transaction=True)
def test_a_process_that_registers_an_older_address_last_registers_the_newer_one_too(
    alpha: SandboxPortal, sender: Sender, live: Portal
) -> None:
    """A comparison is under way with the old address while a person replaces it."""
    Sender.objects.update(registered_as="other")
    alpha.world.running["alpha"].rest_log.clear()
    alpha.switches.slow = 1.5

    def compare() -> None:
        sender_registration.reconcile_senders(live)
        database.close()

    compared = threading.Thread(target=compare)
    compared.start()
    while not alpha.rest_log:
        time.sleep(0.01)
    time.sleep(0.5)  # it has the portal's list and has read the sender; its update is on the way, and slow
    alpha.switches.slow = 0.0
    sender_registration.renew_address(sender)
    compared.join(60)
    assert [one.method.rpartition(".")[2] for one in alpha.rest_log].count("update") == 3
    sender.refresh_from_db()
    assert (sender.state, sender.generation, sender.oldest_generation) == (SenderState.REGISTERED, 2, 2)
    assert call(urlsplit(alpha.senders[sender.code].handler).path) == 200


def test_all_senders_of_a_portal_get_new_addresses_at_once(
    alpha: SandboxPortal, sender: Sender, live: Portal, connection: Connection
) -> None:
    other = Sender(portal=live, connection=connection, names={"en": "Other"})
    gone = Sender(portal=live, connection=connection, names={"en": "Gone"})
    for one in (other, gone):
        sender_registration.save_sender(one)
        sender_registration.register_sender(one)
    sender_registration.remove_sender(gone)
    assert sender_registration.renew_addresses(Sender.objects.filter(portal=live)) == 2
    sender_registration.reconcile_senders(live)
    assert list(Sender.objects.order_by("pk").values_list("generation", "oldest_generation")) == [
        (2, 2),
        (2, 2),
        (1, 1),
    ]
    assert {urlsplit(one.handler).path.split("/")[3] for one in alpha.senders.values()} == {"2"}


# -- removed and brought back ------------------------------------------------------------------------------------------


def test_the_address_from_before_a_removal_is_refused_after_the_return(alpha: SandboxPortal, sender: Sender) -> None:
    old = path(sender)
    sender_registration.remove_sender(sender)
    assert call(old) == 200
    assert Message.objects.get().reason == Reason.SENDER_REMOVED
    sender_registration.save_sender(sender)  # the portal was not asked yet
    assert call(old) == 403
    sender_registration.register_sender(sender)
    assert [call(old), call(old, {"application_token": TOKEN})] == [403, 403]
    assert call(urlsplit(alpha.senders[sender.code].handler).path) == 200
    assert Message.objects.exclude(reason=Reason.SENDER_REMOVED).count() == 1


# -- uninstalled and installed again -----------------------------------------------------------------------------------


def test_calls_after_an_uninstallation_are_refused(live: Portal, sender: Sender) -> None:
    assert call(path(sender)) == 200
    installation.uninstall_portal(live, clean=False)
    assert [call(path(sender)), call(path(sender), message_body="")] == [403, 403]
    assert Message.objects.count() == 1


def test_no_address_from_before_an_uninstallation_works_after_the_return(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    old = path(sender)
    installation.uninstall_portal(live, clean=False)
    alpha.state.senders.clear()
    portal = come_back(live, alpha)
    assert [call(old), call(old, {"application_token": TOKEN})] == [403, 403]  # before anything was compared
    sender_registration.reconcile_senders(portal)
    assert call(old) == 403
    assert call(urlsplit(alpha.senders[sender.code].handler).path) == 200
    assert Message.objects.count() == 1


def test_what_waited_when_the_portal_left_is_not_sent_after_its_return(
    alpha: SandboxPortal, live: Portal, sender: Sender, sms: Sandbox
) -> None:
    waits, may_have_gone = accept_message(sender), accept_message(sender, "+12025550101")
    Message.objects.filter(pk=may_have_gone.pk).update(repeat_until=timezone.now() + timedelta(minutes=5))
    installation.uninstall_portal(live, clean=False)
    drain(sender.connection_id)
    sender_registration.reconcile_senders(come_back(live, alpha))
    sender.refresh_from_db()
    later = accept_message(sender, "+12025550102")
    drain(sender.connection_id)
    drain(sender.connection_id)  # the two took the places of the first round
    for one in (waits, may_have_gone, later):
        one.refresh_from_db()
    assert (waits.status, waits.reason, waits.attempts) == (Status.FAILED, Reason.SENDER_REMOVED, 0)
    assert may_have_gone.phase == Phase.UNKNOWN
    assert (later.status, later.attempts) == (Status.SENT, 1)
    assert len(sms.sms._texts) == 1


# -- the application_token ---------------------------------------------------------------------------------------------


def test_a_token_of_another_portal_is_refused(sender: Sender) -> None:
    assert call(path(sender), {"application_token": "another"}) == 403
    assert call(path(sender), {"application_token": "another", "member_id": "another"}) == 403
    assert not Message.objects.exists()


def test_a_call_without_a_token_is_accepted(sender: Sender, live: Portal) -> None:
    assert call(path(sender)) == 200
    assert call(path(sender), {"member_id": live.member_id}) == 200


def test_no_call_is_lost_when_an_update_changes_the_token_unannounced(
    alpha: SandboxPortal, sender: Sender, live: Portal
) -> None:
    alpha.switches.update_silent = True
    alpha.update()
    assert call(path(sender), {"application_token": alpha.state.app.token, "member_id": alpha.member_id}) == 200


def test_a_new_token_is_accepted_although_another_is_cached(sender: Sender, live: Portal) -> None:
    assert call(path(sender), {"application_token": TOKEN}) == 200
    live.application_token = "new"
    live.save()
    assert call(path(sender), {"application_token": "new"}) == 200


# -- what waited on disk -----------------------------------------------------------------------------------------------


def kept(sender: Sender, **address: Any) -> dict[str, Any]:
    payload = {"message_id": uuid.uuid4().hex, "message_to": "+12025550147", "message_body": "Hello", "auth": {}}
    return {"sender": sender.uuid.hex, "payload": payload, "received_at": timezone.now().isoformat(), **address}


def test_the_spool_is_replayed_by_the_same_rules(sender: Sender, settings: Settings, tmp_path: Path) -> None:
    settings.SPOOL_DIR = tmp_path
    spool.put_record("wish", kept(sender, generation=sender.generation))
    spool.put_record("wish", kept(sender))  # of a version that did not write down the address
    sender_registration.renew_address(sender)
    assert spool.replay_records(HANDLERS) == 2
    assert Message.objects.count() == 1
    assert not spool.poisoned_records()
    spool.put_record("wish", kept(sender))
    installation.uninstall_portal(sender.portal, clean=False)
    assert spool.replay_records(HANDLERS) == 1
    assert Message.objects.count() == 1
