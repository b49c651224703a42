"""Statuses without an administrator's token: authors push their own, the others go as soon as a token is there."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from b24app.core.redis import redis_client
from b24app.messaging import sweep, tasks
from b24app.messaging.models import MaintenanceJob, Message, Sender
from b24app.messaging.models.maintenance import JobKind
from b24app.messaging.models.statuses import Change, Status
from b24app.portals.models import Portal, PortalToken
from b24app.portals.reconnect import authorize_url
from b24app.sandbox import Portal as SandboxPortal
from tests import factories
from tests.handler_calls import fields, post
from tests.messaging.push.statuses import UPDATE, many_sent_statuses, open_application, sent_status, there

ALICE, DANA, BOB = 1, 2, 7
HOUR = timedelta(hours=1)


@pytest.fixture
def fired(alpha: SandboxPortal, live: Portal) -> Portal:
    """Dismiss Alice, whose token is the only one."""
    alpha.set_user(ALICE, active=False)
    return live


def updates(alpha: SandboxPortal) -> list[tuple[int, str]]:
    """Return user and outcome of each status update."""
    return [(call.user_id, call.outcome) for call in alpha.rest_log if call.method == UPDATE]


def of_author(alpha: SandboxPortal, sender: Sender, author: int) -> Message:
    """Create a due status of a message that this employee wrote."""
    message = sent_status(alpha, sender)
    alpha.messages[-1].author = author
    Message.objects.filter(pk=message.pk).update(author_id=author)
    return message


def author_token(alpha: SandboxPortal, portal: Portal, user: int) -> None:
    """Store an author's token as a handler call brings it."""
    expires = timezone.now() + HOUR
    values: dict[str, Any] = {"access": alpha.issue_token(user).access, "refresh": "", "expires_at": expires}
    PortalToken.objects.create(portal=portal, user_id=user, **values)


def statuses(alpha: SandboxPortal) -> list[str]:
    return [one.status for one in alpha.messages]


def test_without_a_token_the_portal_waits_as_a_whole(alpha: SandboxPortal, fired: Portal, sender: Sender) -> None:
    many_sent_statuses(alpha, sender, 120)
    tasks.push_statuses(fired.pk)
    calls = len(alpha.rest_log)
    assert sweep.to_push() == []
    tasks.push_statuses(fired.pk)
    assert len(alpha.rest_log) == calls
    assert Message.objects.filter(push_at__lte=timezone.now(), push_tries=0, push_error="").count() == 120


def test_an_opening_brings_forward_what_waited_for_a_token(
    alpha: SandboxPortal, fired: Portal, sender: Sender, client: Client
) -> None:
    many_sent_statuses(alpha, sender, 120)
    tasks.push_statuses(fired.pk)
    open_application(alpha, BOB)
    assert sweep.to_push() == []
    open_application(alpha, DANA)
    assert sweep.to_push() == [fired.pk]
    tasks.push_statuses(fired.pk)
    assert set(statuses(alpha)) == {"delivered"}


def test_reconnect_brings_forward_what_waited_for_a_token(
    alpha: SandboxPortal, fired: Portal, sender: Sender, client: Client
) -> None:
    sent_status(alpha, sender)
    tasks.push_statuses(fired.pk)
    fired.refresh_from_db()
    (state,) = parse_qs(urlsplit(authorize_url(fired)).query)["state"]
    page = client.get("/oauth/", {"code": alpha.issue_code(DANA), "state": state})
    assert page.status_code == 200
    assert sweep.to_push() == [fired.pk]
    tasks.push_statuses(fired.pk)
    assert statuses(alpha) == ["delivered"]


def test_reconnect_wakes_who_checks_the_portal_and_who_pushes_to_it(
    alpha: SandboxPortal, fired: Portal, sender: Sender, client: Client
) -> None:
    sent_status(alpha, sender)
    tasks.push_statuses(fired.pk)
    (state,) = parse_qs(urlsplit(authorize_url(Portal.objects.get())).query)["state"]
    redis_client().flushdb()
    assert client.get("/oauth/", {"code": alpha.issue_code(DANA), "state": state}).status_code == 200

    assert MaintenanceJob.objects.filter(portal=fired, kind=JobKind.SENDERS, is_urgent=True).exists()
    assert (redis_client().llen("care"), redis_client().zcard("unacked_index") + redis_client().llen("push")) == (1, 1)


def test_a_portal_without_a_token_is_tried_ever_more_rarely(alpha: SandboxPortal, live: Portal, sender: Sender) -> None:
    """Alice is an employee now: her token is good, and good for nothing here."""
    alpha.set_user(ALICE, admin=False)
    of_author(alpha, sender, DANA)
    waits = []
    for _ in range(12):
        tasks.push_statuses(live.pk)
        live.refresh_from_db()
        assert live.token_retry_at is not None
        assert live.no_token_since is not None
        waits.append(live.token_retry_at - timezone.now())
        Portal.objects.update(
            token_retry_at=timezone.now(), no_token_since=live.no_token_since - waits[-1], push_after=None
        )
    assert waits[0] > timedelta(minutes=59)
    assert waits[-1] > timedelta(hours=23)
    assert len(updates(alpha)) <= 12


def test_one_status_is_tried_and_not_fifty_where_no_token_is_known_to_work(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    alpha.set_user(ALICE, admin=False)
    for _ in range(60):
        of_author(alpha, sender, DANA)
    tasks.push_statuses(live.pk)
    asked = len(updates(alpha))
    Portal.objects.update(token_retry_at=timezone.now(), push_after=None)
    tasks.push_statuses(live.pk)
    assert len(updates(alpha)) == asked + 1
    alpha.set_user(ALICE, admin=True)
    Portal.objects.update(token_retry_at=timezone.now(), push_after=None)
    tasks.push_statuses(live.pk)
    assert set(statuses(alpha)) == {"delivered"}


def test_the_seventh_administrator_is_asked_at_once_when_six_are_dismissed(
    alpha: SandboxPortal, fired: Portal, sender: Sender
) -> None:
    for user in range(40, 46):
        alpha.users[user] = type(alpha.users[BOB])(user, "Former", str(user), admin=True)
        token = alpha.issue_token(user)
        alpha.users[user].active = user == 45
        later = timezone.now() + timedelta(minutes=90 - user)
        factories.token(fired, user, access=token.access, refresh=token.refresh, expires_at=later)
    many_sent_statuses(alpha, sender, 3)
    tasks.push_statuses(fired.pk)
    assert statuses(alpha) == ["sent"] * 3
    assert sweep.to_push() == [fired.pk]
    tasks.push_statuses(fired.pk)
    tasks.push_statuses(fired.pk)
    assert statuses(alpha) == ["delivered"] * 3


def test_authors_push_their_own_statuses_however_many_they_are(
    alpha: SandboxPortal, fired: Portal, sender: Sender
) -> None:
    authors = range(20, 32)
    for user in authors:
        alpha.users[user] = type(alpha.users[BOB])(user, "Employee", str(user))
        author_token(alpha, fired, user)
        of_author(alpha, sender, user)
    of_author(alpha, sender, DANA)  # who has no token
    tasks.push_statuses(fired.pk)
    tasks.push_statuses(fired.pk)
    assert statuses(alpha) == ["delivered"] * len(authors) + ["sent"]
    refused = [outcome for _, outcome in updates(alpha) if outcome != "ok"]
    assert len(refused) <= 6 * 50


def test_while_an_author_s_token_lives_nothing_is_refused_more_than_once(
    alpha: SandboxPortal, fired: Portal, sender: Sender
) -> None:
    author_token(alpha, fired, BOB)
    for _ in range(10):
        of_author(alpha, sender, DANA)
    tasks.push_statuses(fired.pk)
    asked = len(updates(alpha))
    for _ in range(20):
        of_author(alpha, sender, BOB)
        Portal.objects.update(push_after=None)
        assert sweep.to_push() == [fired.pk]
        tasks.push_statuses(fired.pk)
    assert statuses(alpha).count("delivered") == 20
    assert updates(alpha)[asked:] == [(BOB, "ok")] * 20


def test_an_author_with_a_token_but_nothing_to_push_is_not_looked_for_all_the_time(
    alpha: SandboxPortal, fired: Portal, sender: Sender
) -> None:
    author_token(alpha, fired, BOB)
    of_author(alpha, sender, DANA)
    tasks.push_statuses(fired.pk)
    tasks.push_statuses(fired.pk)
    assert sweep.to_push() == []
    fired.refresh_from_db()
    assert fired.push_after is not None
    assert fired.push_after - timezone.now() <= timedelta(seconds=40)


def test_an_author_of_whom_the_portal_knows_otherwise_is_not_asked_again_at_once(
    alpha: SandboxPortal, fired: Portal, sender: Sender
) -> None:
    author_token(alpha, fired, BOB)
    message = of_author(alpha, sender, BOB)
    alpha.messages[-1].author = DANA
    for _ in range(5):
        Portal.objects.update(push_after=None)
        tasks.push_statuses(fired.pk)
    message.refresh_from_db()
    assert len(updates(alpha)) <= 2
    assert message.push_at is not None
    assert message.push_at > timezone.now() + timedelta(minutes=50)


def call_of_bob(alpha: SandboxPortal, sender: Sender, **changed: str | None) -> Message:
    """Receive a message that Bob wrote, at the door, and let it be delivered."""
    expires = str(int(timezone.now().timestamp()) + 3600)
    auth = {"auth[access_token]": alpha.issue_token(BOB).access, "auth[expires]": expires, **changed}
    assert post(sender, fields(code=sender.code, **auth)) == 200
    message = Message.objects.get()
    alpha.messages.append(there(message, sender))
    alpha.messages[-1].author = BOB
    Message.objects.advance([Change(pk=message.pk, status=Status.DELIVERED)])
    Message.objects.update(push_at=timezone.now())
    return message


def test_the_message_after_which_the_last_administrator_s_token_fails_is_told_with_its_author_s(
    alpha: SandboxPortal, fired: Portal, sender: Sender
) -> None:
    call_of_bob(alpha, sender)
    assert PortalToken.objects.count() == 1  # nobody knows yet that Alice's is worth nothing
    tasks.push_statuses(fired.pk)
    assert statuses(alpha) == ["delivered"]
    assert set(updates(alpha)) == {(BOB, "ok")}


def test_an_author_s_token_is_stored_nowhere_while_an_administrator_s_works(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    call_of_bob(alpha, sender)
    tasks.push_statuses(live.pk)
    assert statuses(alpha) == ["delivered"]
    assert [(token.user_id, token.is_admin) for token in PortalToken.objects.all()] == [(ALICE, True)]


@pytest.mark.parametrize(
    "life",
    [
        {"auth[expires]": None, "auth[expires_in]": "3600"},
        {"auth[expires]": None},
        {"auth[expires]": "", "auth[expires_in]": "soon"},
    ],
)
def test_the_life_of_an_author_s_token_may_be_given_in_seconds_or_not_at_all(
    alpha: SandboxPortal, fired: Portal, sender: Sender, life: dict[str, str | None]
) -> None:
    sent_status(alpha, sender)
    tasks.push_statuses(fired.pk)  # finds out that Alice's token is worth nothing
    Message.objects.all().delete()
    alpha.messages.clear()
    call_of_bob(alpha, sender, **life)
    token = PortalToken.objects.get(user_id=BOB)
    assert timedelta(minutes=59) < token.expires_at - timezone.now() <= HOUR
    tasks.push_statuses(fired.pk)
    assert statuses(alpha) == ["delivered"]


def test_old_statuses_are_given_up_while_there_is_no_token(alpha: SandboxPortal, fired: Portal, sender: Sender) -> None:
    old = sent_status(alpha, sender, seconds_ago=15 * 86_400)
    younger = sent_status(alpha, sender)
    tasks.push_statuses(fired.pk)
    for row in (old, younger, fired):
        row.refresh_from_db()
    assert (old.push_at, bool(old.push_error), fired.statuses_given_up) == (None, True, 1)
    assert (younger.push_at is not None, younger.push_error) == (True, "")
