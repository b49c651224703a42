"""Events of the application are stored, answered, then understood; what cannot be verified at once is tried again."""

import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from b24app.core import signed_urls
from b24app.exchange_log.models import Exchange
from b24app.messaging import sweep, tasks
from b24app.messaging.app_events import acceptance
from b24app.messaging.models import AppEvent, Connection, MaintenanceJob, Message, Sender
from b24app.messaging.push import sender_registration
from b24app.portals import event_handlers, installation
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.sandbox import Portal as SandboxPortal
from b24app.sandbox.phpform import encode_form
from tests import factories
from tests.messaging.push.statuses import sent_status

UPDATE, ADD = "messageservice.message.status.update", "messageservice.sender.add"
FORM = "application/x-www-form-urlencoded"
ALICE, DANA = 1, 2
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _fresh_budget() -> None:
    acceptance.unsigned_budget.reset()


@pytest.fixture
def live(live: Portal, alpha: SandboxPortal) -> Portal:
    """Alice's portal, which knows the application_token."""
    Portal.objects.filter(pk=live.pk).update(application_token=alpha.state.app.token, version="1")
    PortalToken.objects.update(refreshed_at=timezone.now() - timedelta(minutes=10))
    live.refresh_from_db()
    return live


def fields_of(there: SandboxPortal, event: str, user: int = 0, **data: str) -> dict[str, object]:
    auth: dict[str, object] = {
        "member_id": there.member_id,
        "application_token": there.state.app.token,
        "server_endpoint": there.world.server_endpoint,
    }
    if user:
        token = there.issue_token(user)
        auth |= {"access_token": token.access, "refresh_token": token.refresh, "expires_in": "3600"}
    return {"event": event, "data": data, "ts": int(time.time()), "auth": auth}


def post(portal: Portal | None, fields: dict[str, object]) -> int:
    """Post an event to the portal's address, or to the installer's."""
    path = urlsplit(signed_urls.events_url(portal.uuid.hex, portal.generation)).path if portal else "/install/"
    return Client().post(path, encode_form(fields), content_type=FORM).status_code


def work() -> None:
    """Do what the workers do for the events that are due."""
    for event_id in sweep.to_apply_app_events():
        tasks.apply_app_event(event_id)


def pass_time(**duration: float) -> None:
    delta = timedelta(**duration)
    AppEvent.objects.update(due_at=F("due_at") - delta, received_at=F("received_at") - delta)
    Portal.objects.update(rest_after=F("rest_after") - delta)


# -- stored before they are understood ---------------------------------------------------------------------------------


def test_an_event_is_answered_before_anybody_is_asked(alpha: SandboxPortal, live: Portal) -> None:
    fields = fields_of(alpha, "ONAPPUPDATE", ALICE, VERSION="2")
    before = len(alpha.rest_log)
    assert post(live, fields) == 200
    assert not Exchange.objects.exists()
    assert len(alpha.rest_log) == before
    assert AppEvent.objects.get().name == "ONAPPUPDATE"
    work()
    live.refresh_from_db()
    assert live.version == "2"
    assert not AppEvent.objects.exists()


def test_an_events_tokens_are_sealed_at_rest(alpha: SandboxPortal, live: Portal) -> None:
    fields = fields_of(alpha, "ONAPPUPDATE", ALICE, VERSION="2")
    post(live, fields)
    with_tokens = str(AppEvent.objects.extra(select={"raw": "payload"}).values_list("raw", flat=True)[0])
    assert str(fields["auth"]["access_token"]) not in with_tokens  # type: ignore[index]
    assert with_tokens.startswith("gAAAA")


def test_an_event_that_no_worker_was_woken_for_is_found_by_the_sweep(alpha: SandboxPortal, live: Portal) -> None:
    post(live, fields_of(alpha, "ONAPPUNINSTALL", CLEAN="0"))
    assert list(sweep.to_apply_app_events()) == list(AppEvent.objects.values_list("pk", flat=True))


def test_an_event_is_applied_by_one_worker(alpha: SandboxPortal, live: Portal) -> None:
    post(live, fields_of(alpha, "ONAPPUNINSTALL", CLEAN="0"))
    event = AppEvent.objects.get()
    AppEvent.objects.update(due_at=timezone.now() + timedelta(minutes=1))  # another one is at it
    tasks.apply_app_event(event.pk)
    live.refresh_from_db()
    assert live.uninstalled_at is None


# -- what could not be verified is tried again -------------------------------------------------------------------------


def user_ready(there: SandboxPortal) -> dict[str, object]:
    fields = fields_of(there, "ONAPPUSERREADY", ALICE)
    token = there.issue_token(DANA)
    return fields | {
        "data": {
            "access_token": token.access,
            "refresh_token": token.refresh,
            "expires_in": "3600",
            "member_id": there.member_id,
            "server_endpoint": there.world.server_endpoint,
        }
    }


def test_the_system_users_tokens_survive_a_portal_that_is_away(alpha: SandboxPortal, live: Portal) -> None:
    alpha.set_user(DANA, active=True, admin=True)
    assert post(None, user_ready(alpha)) == 200
    alpha.switches.down = True
    work()
    unproven = PortalToken.objects.get(is_system=True)
    assert (unproven.user_id, unproven.is_admin) == (DANA, False)
    assert AppEvent.objects.get().tries == 1
    alpha.switches.down = False
    pass_time(minutes=1)
    work()
    proven = PortalToken.objects.get(is_system=True)
    assert (proven.user_id, proven.is_admin) == (DANA, True)
    assert not AppEvent.objects.exists()


def test_an_event_nobody_can_verify_for_days_is_given_up_and_said_so(alpha: SandboxPortal, live: Portal) -> None:
    alpha.switches.down = True
    fields = fields_of(alpha, "ONAPPUNINSTALL", CLEAN="0") | {"ts": int(time.time()) - 3600}
    post(live, fields)
    work()
    assert AppEvent.objects.get().tries == 1
    pass_time(days=3, minutes=1)
    work()
    assert not AppEvent.objects.exists()
    live.refresh_from_db()
    assert live.uninstalled_at is None
    assert Exchange.objects.filter(method="EVENT").latest("pk").error.startswith("given up: ")


def test_an_uninstallation_older_than_our_tokens_waits_for_the_portals_word(alpha: SandboxPortal, live: Portal) -> None:
    fields = fields_of(alpha, "ONAPPUNINSTALL", CLEAN="0") | {"ts": int(time.time()) - 3600}
    post(live, fields)
    alpha.switches.down = True
    work()
    live.refresh_from_db()
    assert live.uninstalled_at is None
    alpha.switches.down = False
    alpha.uninstall()
    pass_time(minutes=1)
    Portal.objects.update(suspension="", suspended_until=None)
    work()
    live.refresh_from_db()
    assert live.uninstalled_at is not None


# -- uninstallation ----------------------------------------------------------------------------------------------------


def test_an_uninstallation_with_an_unknown_token_is_asked_about(alpha: SandboxPortal, live: Portal) -> None:
    Portal.objects.update(application_token="")
    fields = fields_of(alpha, "ONAPPUNINSTALL", CLEAN="1")
    post(live, fields)
    work()
    live.refresh_from_db()
    assert live.uninstalled_at is None
    alpha.uninstall()
    post(live, fields)
    work()
    live.refresh_from_db()
    assert live.uninstalled_at is not None
    assert live.erase_at is not None
    assert live.erase_at > timezone.now() + 29 * DAY  # the tick was not proven


def test_after_a_clean_uninstallation_nothing_comes_back(
    alpha: SandboxPortal, live: Portal, sender: Sender, connection: Connection
) -> None:
    factories.message(sender)
    post(live, fields_of(alpha, "ONAPPUNINSTALL", CLEAN="1"))
    work()
    alpha.uninstall(clean=True)
    alpha.install()
    frame = alpha.frame(ALICE, install=True)
    Client().post(f"/install/?{urlsplit(frame['action']).query}", frame["fields"])
    again = Portal.objects.get(member_id=alpha.member_id)
    assert again.pk != live.pk
    assert (again.generation, again.connections.count(), again.senders.count()) == (1, 0, 0)
    tasks.erase_portal(live.pk)
    assert list(Portal.objects.all()) == [again]
    assert not Message.objects.exists()
    assert not Connection.objects.exists()
    assert again.tokens.count() == 1


def test_a_return_quicker_than_any_worker_finds_nothing_either(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    post(live, fields_of(alpha, "ONAPPUNINSTALL", CLEAN="1"))
    alpha.uninstall(clean=True)
    alpha.install()
    frame = alpha.frame(ALICE, install=True)
    Client().post(f"/install/?{urlsplit(frame['action']).query}", frame["fields"])
    again = Portal.objects.get(member_id=alpha.member_id)
    assert again.pk != live.pk
    assert again.senders.count() == 0
    assert not AppEvent.objects.exists()


def test_without_the_tick_a_portal_finds_everything_for_thirty_days(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    post(live, fields_of(alpha, "ONAPPUNINSTALL", CLEAN="0"))
    work()
    assert list(sweep.to_leave()) == []
    live.refresh_from_db()
    assert live.erase_at is not None
    assert timedelta(days=29) < live.erase_at - timezone.now() <= timedelta(days=30)
    alpha.uninstall()
    alpha.install()
    frame = alpha.frame(ALICE, install=True)
    Client().post(f"/install/?{urlsplit(frame['action']).query}", frame["fields"])
    again = Portal.objects.get()
    assert (again.pk, again.generation, again.erase_at) == (live.pk, 2, None)
    assert list(again.senders.all()) == [sender]


def test_after_thirty_days_the_data_go_without_the_tick_too(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    installation.uninstall_portal(live, clean=False)
    Portal.objects.update(erase_at=timezone.now())
    assert list(sweep.to_leave()) == [live.pk]
    tasks.erase_portal(live.pk)
    assert not Portal.objects.exists()
    assert not Sender.objects.exists()


# -- a method that an administrator had to allow -----------------------------------------------------------------------


def confirm(there: SandboxPortal, portal: Portal, *, allow: bool = True, method: str = UPDATE, **auth: str) -> None:
    """Answer the portal's question as an administrator, and let the event arrive."""
    there.confirm_method(method, allow=allow)
    fields = fields_of(there, "ONAPPMETHODCONFIRM", METHOD=method, CONFIRMED=str(int(allow)))
    fields["auth"] = {**fields["auth"], **auth}  # type: ignore[dict-item]  # it is a mapping
    assert post(portal, fields) == 200
    work()


def push(portal: Portal) -> None:
    if portal.pk in sweep.to_push():
        tasks.push_statuses(portal.pk)


def test_statuses_are_pushed_as_soon_as_an_administrator_allows_it(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    waiting, given_up = sent_status(alpha, sender), sent_status(alpha, sender)
    theirs = factories.message(
        factories.sender(factories.connection(factories.portal("charlie"))),
        status="delivered", push_error="METHOD_CONFIRM_WAITING", push_at=timezone.now() + DAY,
    )  # fmt: skip
    alpha.switches.confirm_methods = UPDATE
    push(live)
    Message.objects.filter(pk=given_up.pk).update(push_at=None, pushed_again_at=timezone.now())
    assert [one.status for one in alpha.messages] == ["sent", "sent"]
    assert sweep.to_push() == []
    confirm(alpha, live)
    push(live)
    assert [one.status for one in alpha.messages] == ["delivered", "delivered"]
    assert set(Message.objects.filter(pk__in=[waiting.pk, given_up.pk]).values_list("push_error", "push_tries")) == {
        ("", 0)
    }
    theirs.refresh_from_db()
    assert theirs.push_error == "METHOD_CONFIRM_WAITING"


@pytest.mark.parametrize("case", ["denied", "another method", "not verified"])
def test_statuses_go_on_waiting_where_nothing_was_allowed(
    alpha: SandboxPortal, live: Portal, sender: Sender, case: str
) -> None:
    message = sent_status(alpha, sender)
    alpha.switches.confirm_methods = UPDATE
    push(live)
    message.refresh_from_db()
    before = (message.push_at, message.push_error, message.push_tries)
    if case == "denied":
        confirm(alpha, live, allow=False)
    elif case == "another method":
        confirm(alpha, live, method="crm.item.get")
    else:
        confirm(alpha, live, application_token="guess")
    message.refresh_from_db()
    assert (message.push_at, message.push_error, message.push_tries) == before
    assert sweep.to_push() == []
    assert Exchange.objects.get(name="ONAPPMETHODCONFIRM").error == ("not verified" if case == "not verified" else "")


def test_a_sender_that_had_to_be_allowed_is_registered_as_soon_as_it_is(
    alpha: SandboxPortal, live: Portal, connection: Connection
) -> None:
    new = Sender(portal=live, connection=connection, names={"en": "Acme"})
    sender_registration.save_sender(new)
    alpha.switches.confirm_methods = ADD
    MaintenanceJob.objects.request(live.pk)
    tasks.maintain_portal(live.pk)
    assert (alpha.senders, MaintenanceJob.objects.filter(due_at__lte=timezone.now()).exists()) == ({}, False)
    confirm(alpha, live, method=ADD)
    tasks.maintain_portal(live.pk)
    assert list(alpha.senders) == [new.code]


def test_the_portal_is_asked_to_tell_what_administrators_allow(alpha: SandboxPortal, live: Portal) -> None:
    MaintenanceJob.objects.request(live.pk)
    tasks.maintain_portal(live.pk)
    assert "ONAPPMETHODCONFIRM" in {one.event for one in alpha.handlers}


# -- late, lost and strange --------------------------------------------------------------------------------------------


def test_a_late_update_does_not_undo_the_finished_installation(alpha: SandboxPortal, live: Portal) -> None:
    fields = fields_of(alpha, "ONAPPUPDATE", ALICE, VERSION="2") | {"ts": int(time.time()) - 60}
    Portal.objects.update(installed_at=timezone.now() - timedelta(seconds=30), version="2")
    post(live, fields)
    work()
    live.refresh_from_db()
    assert live.installed_at is not None
    assert MaintenanceJob.objects.filter(portal=live, is_urgent=True).exists()


def test_an_update_asks_for_the_installer_again(alpha: SandboxPortal, live: Portal) -> None:
    Portal.objects.update(installed_at=timezone.now() - DAY)
    post(live, fields_of(alpha, "ONAPPUPDATE", ALICE, VERSION="2"))
    work()
    live.refresh_from_db()
    assert (live.installed_at, live.version) == (None, "2")


def test_a_payment_without_the_token_has_the_portal_asked(alpha: SandboxPortal, live: Portal) -> None:
    later = timezone.now() + DAY
    Portal.objects.update(suspension=Suspension.PAYMENT, suspended_since=timezone.now(), suspended_until=later)
    fields = fields_of(alpha, "ONAPPPAYMENT", STATUS="P", PAYMENT_EXPIRED="N")
    fields["auth"] = {"member_id": alpha.member_id}
    post(live, fields)
    work()
    live.refresh_from_db()
    assert live.suspension == Suspension.PAYMENT  # by itself it proves nothing
    tasks.maintain_portal(live.pk)
    live.refresh_from_db()
    assert live.suspension == ""


def test_a_portal_that_was_updated_silently_gets_back_its_handlers_and_senders(
    alpha: SandboxPortal, live: Portal, connection: Connection
) -> None:
    sender = Sender(portal=live, connection=connection, names={"en": "Acme"})
    sender_registration.save_sender(sender)
    sender_registration.register_sender(sender)
    event_handlers.bind_handlers(live)
    alpha.switches.update_wipes = alpha.switches.update_silent = True
    alpha.update()
    assert (alpha.handlers, alpha.senders) == ([], {})
    frame = alpha.frame(ALICE, install=False)
    Client().post(f"/app/?{urlsplit(frame['action']).query}", frame["fields"])
    tasks.maintain_portal(live.pk)
    assert {one.event for one in alpha.handlers} == set(event_handlers.EVENTS)
    assert list(alpha.senders) == [sender.code]


def test_strangers_events_cost_neither_rows_nor_questions_beyond_a_budget(alpha: SandboxPortal, live: Portal) -> None:
    forged: dict[str, object] = {
        "event": "ONAPPINSTALL",
        "auth": {"member_id": "f" * 32, "access_token": "invented"},
    }
    answers = [post(None, forged) for _ in range(200)]
    assert answers.count(200) == acceptance.UNSIGNED_PER_MINUTE
    assert answers.count(503) == 200 - acceptance.UNSIGNED_PER_MINUTE
    assert AppEvent.objects.count() == acceptance.UNSIGNED_PER_MINUTE
    work()
    assert not AppEvent.objects.exists()
    assert Portal.objects.count() == 1


def test_strangers_cannot_use_up_what_another_portals_events_may_take(alpha: SandboxPortal, live: Portal) -> None:
    forged = fields_of(alpha, "ONAPPINSTALL")
    answers = [post(None, forged) for _ in range(10)]
    assert answers == [200] * acceptance.MAX_UNSIGNED_OF_PORTAL + [503] * 5
    assert post(None, {"event": "ONAPPINSTALL", "auth": {"member_id": "e" * 32, "access_token": "x"}}) == 200
    assert post(live, fields_of(alpha, "ONAPPUNINSTALL", CLEAN="0")) == 200  # a signed address is apart


def test_an_event_for_a_portal_that_was_erased_is_answered_and_dropped(alpha: SandboxPortal, live: Portal) -> None:
    path = urlsplit(signed_urls.events_url(live.uuid.hex, 1)).path
    Portal.objects.all().delete()
    fields = fields_of(alpha, "ONAPPUNINSTALL")
    assert Client().post(path, encode_form(fields), content_type=FORM).status_code == 200
    assert not AppEvent.objects.exists()
