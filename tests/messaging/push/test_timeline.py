"""Entries in a CRM card's timeline: written once, in the right place, and a refusal is only logged."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from b24app.messaging import sweep, tasks
from b24app.messaging.models import Connection, Message, Sender
from b24app.messaging.models.statuses import Origin, Status
from b24app.messaging.push import sender_registration, timeline
from b24app.portals.models import Portal
from b24app.sandbox import MethodError
from b24app.sandbox import Portal as SandboxPortal
from tests import factories

ADD = "crm.timeline.logmessage.add"


@pytest.fixture
def front(live: Portal, connection: Connection) -> Sender:
    return factories.sender(connection)


def from_card(sender: Sender, **fields: Any) -> Message:
    links = timeline.links_with_entry(3, 1)
    return factories.message(sender, **{"origin": Origin.CARD, "message_id": None, "links": links, **fields})


def calls(alpha: SandboxPortal) -> list[str]:
    return [call.outcome for call in alpha.rest_log if call.method == ADD]


def test_an_entry_is_written_once(alpha: SandboxPortal, live: Portal, front: Sender) -> None:
    alpha.state.timeline.clear()
    message = from_card(front, text="Your order is ready.")
    tasks.write_timeline(live.pk)
    tasks.write_timeline(live.pk)
    assert [(one.entity_type_id, one.entity_id, one.title, one.text) for one in alpha.timeline] == [
        (3, 1, "Sendline: SMS", "+1 202-555-0147: Your order is ready.")
    ]
    message.refresh_from_db()
    assert message.links["timeline"] == "done"
    assert message.links["bindings"] == [{"OWNER_TYPE_ID": "3", "OWNER_ID": "1"}]


def test_markup_in_a_text_is_written_as_text(alpha: SandboxPortal, live: Portal, front: Sender) -> None:
    alpha.state.timeline.clear()
    from_card(front, text="[URL=https://evil.example]Your bank[/URL] [USER=1]Boss[/USER]")
    tasks.write_timeline(live.pk)
    told = "+1 202-555-0147: (URL=https://evil.example)Your bank(/URL) (USER=1)Boss(/USER)"
    assert [one.text for one in alpha.timeline] == [told]


def test_several_are_written_in_the_order_they_were_sent(alpha: SandboxPortal, live: Portal, front: Sender) -> None:
    alpha.state.timeline.clear()
    for text in ("one", "two", "three"):
        from_card(front, text=text)
    assert timeline.write_entries(live.pk) is None
    assert [one.text.rpartition(" ")[2] for one in alpha.timeline] == ["one", "two", "three"]


def test_only_recent_messages_from_cards_of_this_portal_get_an_entry(
    alpha: SandboxPortal, live: Portal, front: Sender
) -> None:
    alpha.state.timeline.clear()
    from_card(front, origin=Origin.RESEND)
    from_card(front, now=timezone.now() - timedelta(hours=2))
    from_card(front, links={"bindings": [{"OWNER_TYPE_ID": "3", "OWNER_ID": "1"}]})
    from_card(factories.sender(factories.connection(factories.portal("charlie"))))
    assert timeline.write_entries(live.pk) is None
    assert alpha.timeline == []


def test_a_limit_postpones_the_entry(alpha: SandboxPortal, live: Portal, front: Sender) -> None:
    alpha.state.timeline.clear()
    alpha.switches.method_errors = [MethodError(ADD, "QUERY_LIMIT_EXCEEDED", "Too many requests", status=503, times=1)]
    message = from_card(front)
    again = timeline.write_entries(live.pk)
    assert again is not None
    assert again > timezone.now()
    message.refresh_from_db()
    assert message.links["timeline"] == "due"
    Portal.objects.filter(pk=live.pk).update(rest_after=None)
    assert timeline.write_entries(live.pk) is None
    assert len(alpha.timeline) == 1


def test_an_entry_whose_answer_is_lost_is_not_written_again(alpha: SandboxPortal, live: Portal, front: Sender) -> None:
    alpha.state.timeline.clear()
    from_card(front)
    alpha.switches.down = True
    assert timeline.write_entries(live.pk) is None
    alpha.switches.down = False
    assert timeline.write_entries(live.pk) is None
    assert alpha.timeline == []


@pytest.mark.parametrize(
    "refusal",
    [
        MethodError(ADD, "ACCESS_DENIED", "Access denied", status=400, times=-1),
        MethodError(ADD, "OWNER_NOT_FOUND", "Owner was not found", status=400, times=-1),
        MethodError(ADD, "insufficient_scope", "The request requires higher privileges", status=403, times=-1),
        MethodError(ADD, "ERROR_METHOD_NOT_FOUND", "Method not found!", status=404, times=-1),
    ],
    ids=["no rights", "gone", "no permission", "old box"],
)
def test_a_refusal_is_only_logged(alpha: SandboxPortal, live: Portal, front: Sender, refusal: MethodError) -> None:
    alpha.state.timeline.clear()
    alpha.switches.method_errors = [refusal]
    message = from_card(front)
    assert timeline.write_entries(live.pk) is None
    live.refresh_from_db()
    assert (live.trouble, live.suspension, live.no_token_since) == ("", "", None)
    message.refresh_from_db()
    assert (message.status, message.phase) == ("queued", "waiting")
    alpha.switches.method_errors = []
    assert sender_registration.reconcile_senders(live) == 1  # the portal is spoken to as before


def test_a_portal_known_to_lack_the_permission_is_not_asked(alpha: SandboxPortal, live: Portal, front: Sender) -> None:
    alpha.world.running["alpha"].rest_log.clear()
    Portal.objects.filter(pk=live.pk).update(scope="messageservice,im")
    from_card(front)
    assert timeline.write_entries(live.pk) is None
    assert calls(alpha) == []


def test_a_scheduled_message_gets_its_entry_when_it_is_sent(alpha: SandboxPortal, live: Portal, front: Sender) -> None:
    alpha.state.timeline.clear()
    now = timezone.now()
    waiting = from_card(front, text="later", scheduled_at=now + timedelta(hours=1))
    long_ago = now - timedelta(days=3)
    sent = from_card(front, text="sent", now=long_ago, status=Status.SENT, sent_at=now, scheduled_at=now)
    from_card(front, text="canceled", now=long_ago, status=Status.FAILED, scheduled_at=now)
    assert sweep.to_note() == [live.pk]
    tasks.write_timeline(live.pk)
    assert [one.text.rpartition(" ")[2] for one in alpha.timeline] == ["sent"]
    waiting.refresh_from_db()
    sent.refresh_from_db()
    assert (waiting.links["timeline"], sent.links["timeline"]) == ("due", "done")
    assert sweep.to_note() == []
