"""The portal's senders are made equal to ours, over real HTTPS against the sandbox portal."""

import pytest

from b24app.messaging.models import Connection, Sender, SenderState
from b24app.messaging.push import registered_fields, sender_registration
from b24app.portals.errors import InDoubt, NotNow, NoToken
from b24app.portals.models import Portal
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as SandboxPortal

NAMES = {"ru": "Акме", "en": "Acme"}


@pytest.fixture
def new(live: Portal, connection: Connection) -> Sender:
    return Sender(portal=live, connection=connection, names=NAMES, descriptions={"en": "Texts", "ru": "Тексты"})


def register(sender: Sender) -> Sender:
    sender_registration.save_sender(sender)
    return sender_registration.register_sender(sender)


def methods(alpha: SandboxPortal) -> list[str]:
    return [call.method.removeprefix("messageservice.sender.") for call in alpha.rest_log]


def test_a_saved_sender_arrives_with_its_names_the_universal_language_first(alpha: SandboxPortal, new: Sender) -> None:
    register(new)
    there = alpha.senders[new.code]
    assert new.state == SenderState.REGISTERED
    assert list(there.names.items())[:1] == [("**", "Acme")] or there.names["**"] == "Acme"
    assert there.names["ru"] == "Акме"
    assert there.descriptions["ru"] == "Тексты"
    assert there.handler == f"https://sendline.example/h/{new.uuid.hex}/1/{there.handler.split('/')[-2]}/"
    assert registered_fields.is_current(new)


def test_saving_again_without_a_change_calls_nobody(alpha: SandboxPortal, live: Portal, new: Sender) -> None:
    register(new)
    alpha.world.running["alpha"].rest_log.clear()
    assert sender_registration.reconcile_senders(live) == 0
    assert methods(alpha) == ["list"]


def test_renaming_updates_and_keeps_the_code(alpha: SandboxPortal, new: Sender) -> None:
    register(new)
    code = new.code
    new.names = {"en": "Acme Care"}
    register(new)
    assert (new.code, alpha.senders[code].names["**"]) == (code, "Acme Care")
    assert methods(alpha) == ["add", "add", "update"]


def test_a_portal_without_update_gets_the_sender_deleted_and_added(alpha: SandboxPortal, new: Sender) -> None:
    alpha.switches.update_missing = True
    register(new)
    new.names = {"en": "Acme Care"}
    register(new)
    assert methods(alpha) == ["add", "add", "update", "delete", "add"]
    assert alpha.senders[new.code].names["**"] == "Acme Care"


def test_removing_deletes_it_and_adding_again_keeps_its_code(alpha: SandboxPortal, new: Sender) -> None:
    register(new)
    code = new.code
    sender_registration.remove_sender(new)
    assert (new.state, alpha.senders) == (SenderState.REMOVED, {})
    register(new)
    assert list(alpha.senders) == [code]


def test_removing_what_the_portal_has_not_is_done(alpha: SandboxPortal, new: Sender) -> None:
    register(new)
    alpha.state.senders.clear()
    sender_registration.remove_sender(new)
    assert new.state == SenderState.REMOVED


@pytest.mark.parametrize(
    "code",
    [
        "ERROR_SENDER_VALIDATION_FAILURE",
        "ERROR_WRONG_HANDLER_URL",
        "ERROR_UNSUPPORTED_PROTOCOL",
        "ERROR_HANDLER_URL_MATCH",
        "ERROR_SENDER_ADD_FAILURE",
    ],
)
def test_what_the_portal_refuses_is_kept_with_its_reason(alpha: SandboxPortal, new: Sender, code: str) -> None:
    alpha.switches.method_errors = [MethodError("messageservice.sender.add", code, "Because.")]
    register(new)
    new.refresh_from_db()
    assert (new.state, new.error_code, new.error_words) == (SenderState.REFUSED, code, "Because.")
    assert alpha.senders == {}


def test_a_refused_sender_is_settled_when_the_cause_is_gone(alpha: SandboxPortal, live: Portal, new: Sender) -> None:
    alpha.switches.method_errors = [MethodError("messageservice.sender.add", "ERROR_SENDER_ADD_FAILURE", "x", times=1)]
    register(new)
    sender_registration.reconcile_senders(live)
    new.refresh_from_db()
    assert (new.state, new.error_code, list(alpha.senders)) == (SenderState.REGISTERED, "", [new.code])


def test_without_an_administrators_token_it_stays_registering(alpha: SandboxPortal, live: Portal, new: Sender) -> None:
    alpha.set_user(1, admin=False)
    sender_registration.save_sender(new)
    with pytest.raises(NoToken):
        sender_registration.register_sender(new)
    new.refresh_from_db()
    live.refresh_from_db()
    assert (new.state, alpha.senders) == (SenderState.REGISTERING, {})
    assert live.no_token_since is not None


def test_a_time_out_leaves_it_registering_and_the_list_settles_it(
    alpha: SandboxPortal, live: Portal, new: Sender
) -> None:
    sender_registration.save_sender(new)
    alpha.switches.down = True
    with pytest.raises(InDoubt):
        sender_registration.register_sender(new)
    alpha.switches.down = False
    sender_registration.reconcile_senders(live)
    new.refresh_from_db()
    assert (new.state, list(alpha.senders)) == (SenderState.REGISTERED, [new.code])


def test_a_lapsed_plan_is_waited_out(alpha: SandboxPortal, live: Portal, new: Sender) -> None:
    alpha.switches.lapsed_plan = True
    sender_registration.save_sender(new)
    with pytest.raises(NotNow):
        sender_registration.register_sender(new)
    live.refresh_from_db()
    assert live.suspension == "plan"
    assert Sender.objects.get().state == SenderState.REGISTERING


def test_senders_wiped_by_an_update_come_back_under_their_codes(
    alpha: SandboxPortal, live: Portal, new: Sender
) -> None:
    register(new)
    alpha.state.senders.clear()
    assert sender_registration.reconcile_senders(live) == 1
    assert list(alpha.senders) == [new.code]


def test_codes_that_are_not_ours_are_left_alone(alpha: SandboxPortal, live: Portal, new: Sender) -> None:
    register(new)
    foreign = alpha.state.senders[new.code]
    alpha.state.senders["somebody-else"] = foreign
    sender_registration.reconcile_senders(live)
    assert set(alpha.senders) == {new.code, "somebody-else"}


def test_a_half_removed_sender_is_removed_by_the_next_look(alpha: SandboxPortal, live: Portal, new: Sender) -> None:
    register(new)
    alpha.switches.down = True
    with pytest.raises(InDoubt):
        sender_registration.remove_sender(new)
    alpha.switches.down = False
    sender_registration.reconcile_senders(live)
    new.refresh_from_db()
    assert (new.state, alpha.senders) == (SenderState.REMOVED, {})


def test_a_sender_removed_while_the_portal_was_asked_stays_removed_and_goes_again(
    alpha: SandboxPortal, live: Portal, new: Sender
) -> None:
    register(new)
    stale = Sender.objects.select_related("portal").get(pk=new.pk)
    sender_registration.remove_sender(Sender.objects.select_related("portal").get(pk=new.pk))
    assert sender_registration.register_sender(stale).state == SenderState.REMOVED
    sender_registration.reconcile_senders(live)
    assert Sender.objects.get().state == SenderState.REMOVED
    assert not alpha.state.senders
