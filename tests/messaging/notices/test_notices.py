"""Administrators get an alert once, and a recovery after it, over HTTPS from the sandbox portal."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from b24app.core.redis import redis_client
from b24app.messaging import sweep, tasks
from b24app.messaging.models import Connection, ConnectionState, Message, Sender
from b24app.messaging.models.notices import Notice, NoticeRules
from b24app.messaging.models.statuses import Phase
from b24app.messaging.notices import delivery, detection
from b24app.messaging.push import sender_registration
from b24app.portals.models import CopyState, PausedMethod, Portal, PortalCopy
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as SandboxPortal
from tests import factories

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
DANA = 2


@pytest.fixture
def account(live: Portal, alpha: SandboxPortal) -> Connection:
    alpha.state.notifications.clear()
    return factories.connection(live, "twilio", title="Front [desk]")


@pytest.fixture
def sender(account: Connection) -> Sender:
    return factories.sender(account)


def later(**passed: float) -> None:
    """Time goes by for all that notices remember."""
    delta = timedelta(**passed)
    for row in Notice.objects.all():
        row.since -= delta
        row.told_at = row.told_at - delta if row.told_at else None
        row.due_at = row.due_at - delta if row.due_at else None
        row.save()


def block(account: Connection, reason: str = "auth", minutes: float = 3) -> None:
    since = timezone.now() - minutes * MINUTE
    fields = {"state": ConnectionState.BLOCKED, "blocked_reason": reason, "blocked_since": since}
    Connection.objects.filter(pk=account.pk).update(**fields)


def recover(account: Connection) -> None:
    fields = {"state": ConnectionState.ACTIVE, "blocked_reason": "", "blocked_since": None, "breaker_until": None}
    Connection.objects.filter(pk=account.pk).update(**fields)


def notifications(alpha: SandboxPortal) -> list[tuple[int, str, str]]:
    """User, tag and words of what stands in the portal, without the link."""
    return [(one.user_id, one.tag, one.message.split(" [URL=")[0]) for one in alpha.notifications]


def calls(alpha: SandboxPortal) -> int:
    return sum(call.method == "im.notify.system.add" for call in alpha.rest_log)


BROKE = "[B]Front (desk)[/B]: Twilio no longer accepts the credentials. Enter new credentials."
WORKS = "[B]Front (desk)[/B]: Working again. Messages are being sent."


def test_a_blocked_account_is_announced_once_with_a_link_and_a_tag(alpha: SandboxPortal, account: Connection) -> None:
    block(account)
    assert sweep.to_notify() == [account.portal_id]
    delivery.send_due(account.portal_id)
    assert notifications(alpha) == [(1, f"SENDLINE|broken|{account.pk}", BROKE)]
    assert alpha.notifications[0].message.endswith(
        f" [URL=https://{alpha.domain}/marketplace/app/sandbox.app/]Open Sendline[/URL]"
    )
    assert sweep.to_notify() == []
    for _ in range(3):
        later(hours=2)
        assert sweep.to_notify() == [account.portal_id]
        delivery.send_due(account.portal_id)
    assert calls(alpha) == 1


def test_a_name_that_somebody_chose_is_neither_markup_nor_a_link(alpha: SandboxPortal, account: Connection) -> None:
    account.title = "[URL=https://evil.example]Pay[/URL] HTTP://evil.example www.evil.example"
    account.save(update_fields=["title"])
    block(account)
    delivery.send_due(account.portal_id)
    told = "(URL=https: //evil.example)Pay(/URL) HTTP: //evil.example www .evil.example"
    assert alpha.notifications[0].message.startswith(f"[B]{told}[/B]: ")
    assert alpha.notifications[0].message.count("://") == 1  # our own


def test_a_condition_shorter_than_two_minutes_is_never_announced(alpha: SandboxPortal, account: Connection) -> None:
    block(account, minutes=0)
    delivery.send_due(account.portal_id)
    later(minutes=1.5)
    delivery.send_due(account.portal_id)
    recover(account)
    later(minutes=1.5)
    for _ in range(3):
        delivery.send_due(account.portal_id)
        later(minutes=5)
    assert calls(alpha) == 0
    assert sweep.to_notify() == []


def test_a_recovery_replaces_the_alert(alpha: SandboxPortal, account: Connection) -> None:
    block(account)
    delivery.send_due(account.portal_id)
    recover(account)
    later(minutes=1.5)
    delivery.send_due(account.portal_id)
    assert calls(alpha) == 1  # it may break again at once
    later(minutes=2.5)
    delivery.send_due(account.portal_id)
    assert notifications(alpha) == [(1, f"SENDLINE|broken|{account.pk}", WORKS)]
    later(hours=3)
    delivery.send_due(account.portal_id)
    assert calls(alpha) == 2
    assert sweep.to_notify() == []


def test_a_subject_is_announced_at_most_once_an_hour(alpha: SandboxPortal, account: Connection) -> None:
    block(account)
    delivery.send_due(account.portal_id)
    recover(account)
    delivery.send_due(account.portal_id)
    later(minutes=10)
    delivery.send_due(account.portal_id)
    block(account)
    delivery.send_due(account.portal_id)
    later(minutes=10)
    delivery.send_due(account.portal_id)
    assert [words for _, _, words in notifications(alpha)] == [WORKS]
    later(minutes=41)
    delivery.send_due(account.portal_id)
    assert [words for _, _, words in notifications(alpha)] == [BROKE]
    assert calls(alpha) == 3


def test_another_reason_replaces_the_first(alpha: SandboxPortal, account: Connection) -> None:
    block(account)
    delivery.send_due(account.portal_id)
    block(account, "balance")
    later(minutes=61)
    delivery.send_due(account.portal_id)
    words = "[B]Front (desk)[/B]: Your Twilio balance is used up. Top up your Twilio account, then resume."
    assert notifications(alpha) == [(1, f"SENDLINE|broken|{account.pk}", words)]


def test_an_account_that_a_person_paused_has_not_recovered(alpha: SandboxPortal, account: Connection) -> None:
    block(account)
    delivery.send_due(account.portal_id)
    Connection.objects.update(state=ConnectionState.PAUSED)
    for _ in range(3):
        later(minutes=5)
        delivery.send_due(account.portal_id)
    assert [words for _, _, words in notifications(alpha)] == [BROKE]
    assert sweep.to_notify() == []


def test_a_service_that_does_not_answer_is_announced(alpha: SandboxPortal, account: Connection) -> None:
    Connection.objects.update(breaker_until=timezone.now() - MINUTE)  # a trial is due, and nothing has worked yet
    delivery.send_due(account.portal_id)
    assert calls(alpha) == 0
    later(minutes=3)
    delivery.send_due(account.portal_id)
    words = "Twilio is not responding. Messages from “Front (desk)” are queued and retried automatically."
    assert [one for _, _, one in notifications(alpha)] == [f"[B]Front (desk)[/B]: {words}"]


def test_a_portal_that_is_off_costs_few_refreshes_of_a_token(alpha: SandboxPortal, account: Connection) -> None:
    """A refresh for each try would be one by a timer, for as long as the portal is off (J35)."""
    alpha.switches.down = True
    block(account)
    for _ in range(2 * 24):
        later(hours=1)
        account.portal.tokens.update(expires_at=timezone.now())
        if sweep.to_notify():
            delivery.send_due(account.portal_id)
    refreshes = account.portal.tokens.get().generation
    alpha.switches.down = False
    later(days=1)
    delivery.send_due(account.portal_id)

    assert refreshes <= 8
    assert [words for _, _, words in notifications(alpha)] == [BROKE]


def test_a_portal_gets_a_recovery_only_after_an_alert(alpha: SandboxPortal, account: Connection) -> None:
    Portal.objects.update(no_token_since=timezone.now() - 10 * MINUTE)
    account.portal.tokens.update(dead_reason="invalid_grant")
    delivery.send_due(account.portal_id)
    assert calls(alpha) == 0  # nobody's token is left
    Portal.objects.update(no_token_since=None)
    account.portal.tokens.update(dead_reason="")
    for _ in range(3):
        later(minutes=11)
        delivery.send_due(account.portal_id)
    assert calls(alpha) == 0
    Portal.objects.update(no_token_since=timezone.now() - 10 * MINUTE)
    delivery.send_due(account.portal_id)
    Portal.objects.update(no_token_since=None)
    delivery.send_due(account.portal_id)
    later(minutes=3)
    delivery.send_due(account.portal_id)
    assert notifications(alpha) == [
        (
            1,
            "SENDLINE|portal|0",
            ("Sendline has access to Bitrix24 again. Queued status updates are being sent to Bitrix24 now."),
        )
    ]
    assert calls(alpha) == 2


def test_a_low_balance_is_announced_and_announced_again_when_it_falls(
    alpha: SandboxPortal, account: Connection
) -> None:
    Connection.objects.update(balance=Decimal("4.2"), currency="EUR", low_balance=5)
    assert sweep.to_notify() == [account.portal_id]
    delivery.send_due(account.portal_id)
    later(minutes=6)
    delivery.send_due(account.portal_id)
    words = "[B]Front (desk)[/B]: Low balance at Twilio: EUR 4.20."
    assert notifications(alpha) == [(1, f"SENDLINE|balance|{account.pk}", words)]
    Connection.objects.update(balance=3)
    later(minutes=61)
    delivery.send_due(account.portal_id)
    assert [one for _, _, one in notifications(alpha)] == [words.replace("4.20", "3.00")]
    Connection.objects.update(balance=50)
    for _ in range(3):
        later(minutes=61)
        delivery.send_due(account.portal_id)
    assert calls(alpha) == 2
    assert sweep.to_notify() == []


def test_an_account_without_a_threshold_or_with_an_empty_one_gives_no_second_notice(
    alpha: SandboxPortal, account: Connection
) -> None:
    Connection.objects.update(balance=0)
    assert sweep.to_notify() == []
    Connection.objects.update(low_balance=5)
    block(account, "balance")
    for _ in range(2):
        delivery.send_due(account.portal_id)
        later(minutes=6)
    assert [tag for _, tag, _ in notifications(alpha)] == [f"SENDLINE|broken|{account.pk}"]


def test_senders_that_were_added_again_are_announced_with_their_count(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    alpha.state.notifications.clear()
    assert sender_registration.reconcile_senders(live) == 1
    assert sweep.to_notify() == [live.pk]
    delivery.send_due(live.pk)
    words = "Senders restored in Bitrix24: 1."
    assert notifications(alpha) == [(1, "SENDLINE|senders|0", words)]
    assert sweep.to_notify() == []
    for _ in range(2):  # lost again, twice within the hour
        alpha.state.senders.clear()
        assert sender_registration.reconcile_senders(live) == 1
        delivery.send_due(live.pk)
    assert calls(alpha) == 1
    later(minutes=61)
    delivery.send_due(live.pk)
    assert [one for _, _, one in notifications(alpha)] == [words.replace("1.", "2.")]
    later(hours=5)
    delivery.send_due(live.pk)
    assert calls(alpha) == 2


def test_pending_decisions_are_announced_again_only_when_there_are_more(alpha: SandboxPortal, sender: Sender) -> None:
    portal = sender.portal_id

    def unknown(count: int) -> None:
        Message.objects.all().delete()
        for _ in range(count):
            factories.message(sender, phase=Phase.UNKNOWN, due_at=None)

    def after_hours() -> list[str]:
        later(minutes=61)
        delivery.send_due(portal)
        return [words.split(" The connection")[0] for _, _, words in notifications(alpha)]

    unknown(2)
    assert sweep.to_notify() == [portal]
    delivery.send_due(portal)
    assert after_hours() == ["2 messages need your review."]
    unknown(1)
    assert after_hours() == ["2 messages need your review."]
    unknown(2)
    assert after_hours() == ["2 messages need your review."]
    assert calls(alpha) == 2  # there was one, then one more came
    unknown(0)
    after_hours()
    after_hours()
    assert calls(alpha) == 2
    assert sweep.to_notify() == []


@pytest.mark.parametrize("kind", ["broken", "balance", "senders", "undecided"])
def test_a_kind_that_is_switched_off_is_not_announced(alpha: SandboxPortal, sender: Sender, kind: str) -> None:
    portal = sender.portal
    NoticeRules.objects.create(portal=portal, **{kind: False})
    block(sender.connection)
    other = factories.connection(portal, balance=1, low_balance=2)
    factories.message(sender, phase=Phase.UNKNOWN, due_at=None)
    detection.record_restored_senders(portal, 3)
    Portal.objects.update(no_token_since=timezone.now() - 5 * MINUTE)
    for _ in range(2):
        delivery.send_due(portal.pk)
        later(minutes=6)
    every = {
        "broken": {f"SENDLINE|broken|{sender.connection_id}", "SENDLINE|portal|0"},
        "balance": {f"SENDLINE|balance|{other.pk}"},
        "senders": {"SENDLINE|senders|0"},
        "undecided": {"SENDLINE|undecided|0"},
    }
    wanted = {tag for name, tags in every.items() if name != kind for tag in tags}
    assert {tag for _, tag, _ in notifications(alpha)} == wanted


def test_a_lasting_condition_is_announced_once_its_kind_is_switched_on(
    alpha: SandboxPortal, account: Connection
) -> None:
    rules = NoticeRules.objects.create(portal=account.portal, broken=False)
    block(account)
    delivery.send_due(account.portal_id)
    rules.broken = True
    rules.save()
    later(minutes=6)
    delivery.send_due(account.portal_id)
    assert [words for _, _, words in notifications(alpha)] == [BROKE]


def test_the_chosen_people_who_are_still_administrators_are_notified(
    alpha: SandboxPortal, live: Portal, account: Connection
) -> None:
    factories.token(live, DANA)
    factories.token(live, 7, is_admin=False)
    factories.token(live, 99, is_system=True)
    rules = detection.notice_rules(live)
    assert detection.people_to_notify(live, rules) == [1]
    rules.user_ids = [DANA, 7, 99, 1234]
    assert detection.people_to_notify(live, rules) == [DANA]
    rules.user_ids = [1, DANA]
    rules.save()
    block(account)
    delivery.send_due(live.pk)
    assert [user for user, _, _ in notifications(alpha)] == [1, DANA]


def test_a_refusal_for_one_person_does_not_keep_others_from_being_notified(
    alpha: SandboxPortal, live: Portal, account: Connection
) -> None:
    factories.token(live, 555, dead_reason="fired")  # the portal has no such user
    factories.token(live, DANA, dead_reason="expired")
    NoticeRules.objects.create(portal=live, user_ids=[1, 555, DANA])
    block(account)
    delivery.send_due(live.pk)
    later(minutes=5)
    delivery.send_due(live.pk)
    assert [user for user, _, _ in notifications(alpha)] == [1, DANA]
    assert calls(alpha) == 3


def test_a_portal_without_the_permission_is_not_called_and_nothing_is_lost(
    alpha: SandboxPortal, account: Connection
) -> None:
    Portal.objects.update(scope="messageservice,crm")
    block(account)
    delivery.send_due(account.portal_id)
    assert calls(alpha) == 0
    assert Portal.objects.get().trouble == ""
    assert sweep.to_notify() == []
    Portal.objects.update(scope="messageservice,im")
    later(minutes=61)
    assert sweep.to_notify() == [account.portal_id]
    delivery.send_due(account.portal_id)
    assert [words for _, _, words in notifications(alpha)] == [BROKE]


@pytest.mark.parametrize(
    ("error", "minutes"),
    [
        ("INSUFFICIENT_SCOPE", 61),
        ("ERROR_METHOD_NOT_FOUND", 61),
        ("QUERY_LIMIT_EXCEEDED", 1),
        ("INTERNAL_SERVER_ERROR", 11),
    ],
)
def test_a_portal_that_refuses_is_notified_later(
    alpha: SandboxPortal, account: Connection, error: str, minutes: float
) -> None:
    wrong = MethodError(method="im.notify.system.add", error=error, description="", status=500, times=1)
    alpha.switches.method_errors = [wrong]
    block(account)
    delivery.send_due(account.portal_id)
    assert notifications(alpha) == []
    assert Portal.objects.get().trouble == ""
    Portal.objects.update(rest_after=None)
    PausedMethod.objects.update(ask_at=timezone.now())
    later(minutes=minutes)
    delivery.send_due(account.portal_id)
    assert [words for _, _, words in notifications(alpha)] == [BROKE]


def test_a_portal_that_must_not_be_called_is_left_alone(alpha: SandboxPortal, account: Connection) -> None:
    block(account)
    soon = timezone.now() + 5 * MINUTE
    open_ = {"rest_after": None, "suspension": "", "suspended_until": None}
    for shut in ({"rest_after": soon}, {"suspension": "plan", "suspended_until": soon}, {"uninstalled_at": soon}):
        Portal.objects.update(**(open_ | shut))
        assert sweep.to_notify() == []
        assert delivery.send_due(account.portal_id) is None
    assert calls(alpha) == 0


def test_nothing_of_one_portal_is_sent_to_another(alpha: SandboxPortal, account: Connection) -> None:
    charlies = factories.portal("charlie")
    factories.token(charlies)
    factories.connection(charlies)
    block(account)
    detection.record_restored_senders(account.portal, 2)
    assert sweep.to_notify() == [account.portal_id]
    delivery.send_due(charlies.pk)
    delivery.send_due(account.portal_id)
    assert not Notice.objects.filter(portal=charlies).exists()
    assert {user for user, _, _ in notifications(alpha)} == {1}
    assert len(notifications(alpha)) == 2


def test_only_one_process_sends_a_notice(alpha: SandboxPortal, account: Connection) -> None:
    block(account)
    detection.sync_notices(account.portal, timezone.now())
    seen = Notice.objects.get()
    assert delivery._claim_notice(Notice.objects.get(), timezone.now())
    assert not delivery._claim_notice(seen, timezone.now())
    delivery.send_due(account.portal_id)
    assert calls(alpha) == 0
    later(minutes=6)  # whoever had it is gone
    delivery.send_due(account.portal_id)
    assert calls(alpha) == 1


def test_the_sweep_enqueues_what_is_due_and_the_task_sends_it(alpha: SandboxPortal, account: Connection) -> None:
    block(account)
    redis_client().flushdb()
    tasks.run_sweep()
    assert redis_client().exists(f"bell:notify:{account.portal_id}:now")
    assert redis_client().llen("care") == 1
    tasks.notify_administrators(account.portal_id)
    assert [words for _, _, words in notifications(alpha)] == [BROKE]
    assert not redis_client().exists(f"bell:notify:{account.portal_id}:now")


def test_texts_are_in_the_portals_language(alpha: SandboxPortal, account: Connection) -> None:
    Portal.objects.update(language="ru")
    block(account)
    delivery.send_due(account.portal_id)
    assert "Введите новые" in notifications(alpha)[0][2]


def test_an_address_whose_messages_are_on_hold_is_announced_once(alpha: SandboxPortal, live: Portal) -> None:
    alpha.state.notifications.clear()
    checked = timezone.now() - 3 * MINUTE
    copy = PortalCopy.objects.create(portal=live, host="copy.example", checked_at=checked)
    PortalCopy.objects.create(portal=live, host="moved.example")  # the OAuth server is still to be asked
    assert sweep.to_notify() == [live.pk]
    delivery.send_due(live.pk)
    words = (
        "copy.example uses the ID of your Bitrix24. It may be a copy of your Bitrix24. Its messages are on hold until "
        "you allow or block the address."
    )
    assert notifications(alpha) == [(1, f"SENDLINE|copy|{copy.pk}", words)]
    later(hours=2)
    delivery.send_due(live.pk)
    assert len(notifications(alpha)) == 1
    PortalCopy.objects.update(state=CopyState.BLOCKED)
    later(hours=2)
    delivery.send_due(live.pk)
    assert len(notifications(alpha)) == 1
    assert not Notice.objects.filter(is_on=True).exists()
