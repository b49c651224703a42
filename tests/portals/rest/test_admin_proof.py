"""A call that succeeds ends what earlier refusals said of a portal's tokens."""

from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.portals import tokens
from b24app.portals.applications.credentials import settings_credentials
from b24app.portals.errors import NotNow, NoToken
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import bitrix, exchange_records, token_renewal
from b24app.portals.rest.client import BatchCommand, PortalClient
from b24app.portals.rest.responses import TokenPair
from b24app.sandbox import Portal as There
from b24app.sandbox.state import User
from tests.portals.launches import ALICE, BOB, DANA, asked, launch

LIST, STATUS = "messageservice.sender.list", "messageservice.message.status.update"
HOUR = timedelta(hours=1)


def lacks_token(portal: Portal) -> bool:
    portal.refresh_from_db()
    return portal.no_token_since is not None


def shut_out(portal: Portal) -> None:
    """Note that the portal has no token, as other processes may have, and forget that an administrator was one."""
    Portal.objects.update(no_token_since=timezone.now() - HOUR)
    portal.refresh_from_db()


def hire(there: There, user_id: int) -> None:
    with there.world.lock:
        there.users[user_id] = User(user_id, f"Admin {user_id}", "Ames", admin=True)


def status_of_anothers_message(there: There) -> BatchCommand:
    """Return the status of a message that Bob has written."""
    message, _handler, _form = there.write_sms("+12025550142", "Hello", "front", author=BOB)
    message.row_at = 0
    return BatchCommand(STATUS, {"CODE": "front", "MESSAGE_ID": message.message_id, "STATUS": "delivered"})


def issue_pair(portal: Portal, there: There, user_id: int) -> TokenPair:
    token = there.issue_token(user_id)
    expires_at = timezone.now() + HOUR
    return TokenPair(token.access, token.refresh, expires_at, portal.member_id, user_id, portal.client_endpoint)


@pytest.fixture
def sender(portal: Portal) -> None:
    values = {"CODE": "front", "TYPE": "SMS", "HANDLER": "https://sendline.example/h/", "NAME": "Front desk"}
    PortalClient(portal).call("messageservice.sender.add", values)


def test_a_call_that_works_ends_the_lack_of_a_token(portal: Portal) -> None:
    shut_out(portal)
    assert PortalClient(portal).call("app.info")
    assert not lacks_token(portal)


def test_a_batch_that_works_ends_it_too(portal: Portal) -> None:
    shut_out(portal)
    PortalClient(portal).batch([BatchCommand("app.info")])
    assert not lacks_token(portal)


def test_a_refused_call_does_not_end_it(portal: Portal, alpha: There) -> None:
    shut_out(portal)
    alpha.set_user(ALICE, admin=False)
    with pytest.raises(NoToken):
        PortalClient(portal).call(LIST)
    assert lacks_token(portal)


def test_an_authors_token_does_not_end_it(portal: Portal, alpha: There, sender: None) -> None:
    PortalToken.objects.all().delete()
    shut_out(portal)
    tokens.store_author_token(portal, BOB, alpha.issue_token(BOB).access, timezone.now() + HOUR)
    (answer,) = PortalClient(portal).batch([status_of_anothers_message(alpha)])
    assert answer.error is None
    assert lacks_token(portal)
    assert not PortalToken.objects.get().is_admin


def test_an_hour_of_an_administrator_who_writes_herself_does_not_end_it_either(portal: Portal, alpha: There) -> None:
    PortalToken.objects.update(dead_reason="invalid_grant")
    shut_out(portal)
    tokens.store_author_token(portal, ALICE, alpha.issue_token(ALICE).access, timezone.now() + HOUR)
    assert PortalClient(portal).call(LIST) == []
    assert lacks_token(portal)


def test_a_seventh_administrator_works_where_six_were_dismissed(portal: Portal, alpha: There) -> None:
    for user_id in range(11, 18):
        hire(alpha, user_id)
        launch(alpha, user_id)
    PortalToken.objects.filter(user_id=ALICE).delete()
    now = timezone.now()
    for user_id in range(11, 18):  # in the order in which they are tried
        PortalToken.objects.filter(user_id=user_id).update(expires_at=now + timedelta(minutes=58 - user_id))
    for user_id in range(11, 17):
        alpha.set_user(user_id, active=False)
    with pytest.raises(NotNow) as caught:
        PortalClient(portal).call(LIST)
    assert caught.value.until is not None
    assert caught.value.until < timezone.now() + timedelta(minutes=1)
    assert not lacks_token(portal)
    assert PortalClient(portal).call(LIST) == []
    assert PortalToken.objects.filter(dead_reason="authorization_error").count() == 6


@pytest.mark.django_db(transaction=True)
def test_a_pair_that_comes_back_from_disk_ends_it(alpha: There) -> None:
    portal = launch(alpha).portal
    token = PortalToken.objects.get()
    exchanges = exchange_records.exchange_recorder(portal)
    pair = bitrix.refresh_token(portal.oauth_host, settings_credentials(), token.refresh, exchanges)
    record = {
        "pk": token.pk,
        "generation": token.generation,
        "access": pair.access,
        "refresh": pair.refresh,
        "expires_at": pair.expires_at.isoformat(),
    }
    PortalToken.objects.update(expires_at=timezone.now())
    with pytest.raises(NoToken):  # the spent pair is tried
        PortalClient(portal).call(LIST)
    assert lacks_token(portal)
    token_renewal.replay_renewed_token(record)
    assert not lacks_token(portal)
    assert PortalClient(portal).call(LIST) == []
    # What comes back later than another pair ends nothing.
    PortalToken.objects.update(dead_reason="invalid_grant")
    shut_out(portal)
    token_renewal.replay_renewed_token(record)
    assert lacks_token(portal)


def test_a_token_stored_meanwhile_is_not_overlooked(portal: Portal, alpha: There) -> None:
    """Another process has stored Alice's token after this one found none, and before it notes that."""
    stale = Portal.objects.get()
    tokens.note_missing_token(stale)
    assert not lacks_token(portal)
    # The other order: it is noted while an instance that does not know it stores a token.
    PortalToken.objects.update(dead_reason="invalid_grant")
    tokens.note_missing_token(Portal.objects.get())
    launch(alpha)
    assert stale.no_token_since is None
    pair = issue_pair(portal, alpha, ALICE)
    Portal.objects.update(no_token_since=timezone.now())
    tokens.store_token(stale, pair)
    assert not lacks_token(portal)


# -- demotion ----------------------------------------------------------------------------------------------------------


def test_a_demotion_ends_with_a_call_that_only_administrators_may_make(portal: Portal, alpha: There) -> None:
    alpha.set_user(ALICE, admin=False)
    with pytest.raises(NoToken):
        PortalClient(portal).call(LIST)
    assert lacks_token(portal)
    row = PortalToken.objects.get()
    assert not row.is_admin
    assert row.demoted_at is not None
    alpha.set_user(ALICE, admin=True)
    assert PortalClient(portal).call(LIST) == []
    row = PortalToken.objects.get()
    assert (row.is_admin, row.demoted_at) == (True, None)
    assert not lacks_token(portal)


def test_a_demotion_ends_with_the_statuses_of_others_that_the_portal_accepts_again(
    portal: Portal, alpha: There, sender: None
) -> None:
    alpha.set_user(ALICE, admin=False)
    with pytest.raises(NoToken):
        PortalClient(portal).batch([status_of_anothers_message(alpha)])
    alpha.set_user(ALICE, admin=True)
    PortalToken.objects.update(demoted_at=timezone.now() - timedelta(hours=2))
    (answer,) = PortalClient(portal).batch([status_of_anothers_message(alpha)])
    assert answer.error is None
    assert PortalToken.objects.get().is_admin
    assert not lacks_token(portal)


def test_an_author_without_rights_is_asked_about_once_an_hour(portal: Portal, alpha: There, sender: None) -> None:
    """Alice is no administrator any more: the statuses of her own messages are accepted, which proves nothing."""
    alpha.set_user(ALICE, admin=False)
    with pytest.raises(NoToken):
        PortalClient(portal).call(LIST)
    PortalToken.objects.update(demoted_at=timezone.now() - timedelta(hours=2))
    before = len(asked(alpha, LIST))
    message, _handler, _form = alpha.write_sms("+12025550142", "Hello", "front", author=ALICE)
    message.row_at = 0
    mine = BatchCommand(STATUS, {"CODE": "front", "MESSAGE_ID": message.message_id, "STATUS": "delivered"})
    for _ in range(5):
        (answer,) = PortalClient(portal).batch([mine])
        assert answer.error is None
    assert asked(alpha, LIST)[before:] == ["ACCESS_DENIED"]
    assert not PortalToken.objects.get().is_admin
    assert lacks_token(portal)


def test_what_one_token_may_do_proves_nothing_of_the_next(portal: Portal, alpha: There) -> None:
    """Alice's token lists the senders, and Bob's is tried for what hers is refused."""
    PortalToken.objects.create(
        portal=portal,
        user_id=BOB,
        access=alpha.issue_token(BOB).access,
        refresh="r",
        expires_at=timezone.now() + timedelta(minutes=1),
        demoted_at=timezone.now(),
    )
    item = {"method": "user.get", "error": "ACCESS_DENIED", "description": "Access denied!", "status": 403}
    alpha.switches.set("method_errors", [item])
    PortalClient(portal).batch([BatchCommand(LIST), BatchCommand("user.get")])
    assert PortalToken.objects.get(user_id=ALICE).is_admin
    assert not PortalToken.objects.get(user_id=BOB).is_admin


# -- the system user ---------------------------------------------------------------------------------------------------


def test_a_system_users_pair_is_kept_while_the_portal_cannot_say_what_that_user_may_do(
    portal: Portal, alpha: There
) -> None:
    hire(alpha, 1001)
    tokens.store_unproven_token(portal, issue_pair(portal, alpha, 1001))
    row = PortalToken.objects.get(user_id=1001)
    assert (row.is_system, row.is_admin, bool(row.refresh)) == (True, False, True)
    assert tokens.choose_token(portal) == PortalToken.objects.get(user_id=ALICE)
    # The last administrator goes; the system user's token steps in, and proves itself.
    alpha.set_user(ALICE, active=False)
    assert PortalClient(portal).call(LIST) == []
    assert PortalToken.objects.get(user_id=1001).is_admin
    assert not lacks_token(portal)


def test_a_system_user_who_was_proven_stays_so_when_a_pair_comes_again(portal: Portal, alpha: There) -> None:
    hire(alpha, 1001)
    tokens.store_token(portal, issue_pair(portal, alpha, 1001), is_system=True)
    tokens.store_unproven_token(portal, issue_pair(portal, alpha, 1001))
    assert PortalToken.objects.get(user_id=1001).is_admin


def test_a_system_user_without_rights_is_no_administrator(portal: Portal, alpha: There) -> None:
    hire(alpha, 1001)
    alpha.set_user(1001, admin=False)
    tokens.store_unproven_token(portal, issue_pair(portal, alpha, 1001))
    alpha.set_user(ALICE, active=False)
    with pytest.raises(NoToken):
        PortalClient(portal).call(LIST)
    assert not PortalToken.objects.get(user_id=1001).is_admin
    assert lacks_token(portal)
    assert launch(alpha, DANA).is_admin
    assert not lacks_token(portal)
