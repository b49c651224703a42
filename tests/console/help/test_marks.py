"""The mark beside an error: it leads to the article about it that its reader may open."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.console.help.articles import ARTICLES
from b24app.console.wording import help_topics
from b24app.console.wording.help_topics import topic_of
from b24app.messaging.models import ConnectionState, Sender, SenderState
from b24app.messaging.models.statuses import Phase, Reason, Status, Wait
from b24app.portals.models import Portal
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alice"), "twilio", title="Acme"))


def test_each_topic_is_an_article() -> None:
    topics = {*help_topics._BY_REASON.values(), help_topics.SENDER_MISSING, help_topics.STATUS_MISSING}
    assert topics | {"unknown", "delay", "not-delivered", "quiet-hours"} <= set(ARTICLES)
    assert {one for one in help_topics.FOR_ADMINISTRATORS if ARTICLES[one].for_employees} == set()


@pytest.mark.parametrize(
    ("fields", "topic", "for_bob"),
    [
        ({"status": Status.FAILED, "reason": Reason.INVALID_NUMBER}, "number-rejected", "number-rejected"),
        ({"status": Status.FAILED, "reason": Reason.OPT_OUT}, "opt-outs", "not-delivered"),
        ({"status": Status.UNDELIVERED, "reason": Reason.UNREACHED}, "not-delivered", "not-delivered"),
        ({"phase": Phase.UNKNOWN, "due_at": None}, "unknown", "unknown"),
        ({"wait": Wait.QUIET_HOURS}, "quiet-hours", "delay"),
        ({"wait": Wait.RETRY}, "delay", "delay"),
        ({"status": Status.DELIVERED}, "", ""),
    ],
)
def test_a_messages_trouble_leads_to_an_article_for_its_reader(
    sender: Sender, fields: dict[str, Any], topic: str, for_bob: str
) -> None:
    message = factories.message(sender, **fields)
    assert (topic_of(message, is_admin=True), topic_of(message, is_admin=False)) == (topic, for_bob)


def test_the_mark_beside_an_error_leads_to_its_code(alice: Client, portal: Portal, sender: Sender) -> None:
    failed = {"status": Status.FAILED, "final_at": timezone.now()}
    known = factories.message(sender, **failed, reason=Reason.BLOCKED, service_code="21408")
    other = factories.message(sender, **failed, reason=Reason.OPT_OUT, service_code="999")
    page = alice.get(f"/p/{portal.uuid.hex}/journal/{known.reference}/").content.decode()
    assert "/help/services/twilio/#code-21408" in page
    page = alice.get(f"/p/{portal.uuid.hex}/journal/{other.reference}/").content.decode()
    assert "/help/articles/opt-outs/" in page


@pytest.mark.parametrize(
    ("service", "code", "anchor"),
    [
        ("messagebird", "9 recipient", "code-9-recipient"),
        ("kannel", "Number(s) has/have been denied", "code-Number-s-has-have-been-denied"),
        ("twilio", "30003", "code-30003"),
    ],
)
def test_the_mark_leads_to_an_anchor_that_its_article_has(
    alice: Client, portal: Portal, service: str, code: str, anchor: str
) -> None:
    sender = factories.sender(factories.connection(portal, service))
    message = factories.message(
        sender, status=Status.FAILED, final_at=timezone.now(), reason=Reason.BLOCKED, service_code=code
    )
    page = alice.get(f"/p/{portal.uuid.hex}/journal/{message.reference}/").content.decode()
    assert f'/help/services/{service}/#{anchor}"' in page
    article = alice.get(f"/p/{portal.uuid.hex}/help/services/{service}/").content.decode()
    assert article.count(f'id="{anchor}"') == 1


def test_marks_stand_beside_blocked_accounts_and_refused_senders(alice: Client, portal: Portal, sender: Sender) -> None:
    sender.connection.state, sender.connection.blocked_reason = ConnectionState.BLOCKED, "auth"
    sender.connection.save()
    sender.state, sender.error_code = SenderState.REFUSED, "ACCESS_DENIED"
    sender.save()
    page = alice.get(f"/p/{portal.uuid.hex}/senders/").content.decode()
    assert page.count('class="helpmark"') == 2
    assert "/help/services/twilio/" in page
    assert "/help/articles/sender-missing/" in page
