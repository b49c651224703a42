"""Somebody who can mend a portal's access is always told that it is lost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.messaging.models.notices import NoticeRules
from b24app.messaging.notices import delivery, detection
from b24app.portals import tokens
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest.client import PortalClient
from b24app.sandbox import Portal as SandboxPortal

pytestmark = pytest.mark.django_db

ALICE, DANA, BOB = 1, 2, 7
HOUR = timedelta(hours=1)


def write(portal: Portal, alpha: SandboxPortal, user_id: int) -> None:
    """Keep what comes with a message of this user."""
    tokens.store_author_token(portal, user_id, alpha.issue_token(user_id).access, timezone.now() + HOUR)


def told(portal: Portal, alpha: SandboxPortal) -> list[tuple[int, str]]:
    """Return who is told what of the portal, ten minutes after it was found to be shut out."""
    portal.refresh_from_db()
    Portal.objects.update(no_token_since=timezone.now() - timedelta(minutes=10))
    alpha.state.notifications.clear()
    delivery.send_due(portal.pk)
    return [(one.user_id, one.tag) for one in alpha.notifications]


def lose_access(portal: Portal, alpha: SandboxPortal) -> None:
    alpha.revoke_refresh()
    PortalToken.objects.update(expires_at=timezone.now())
    assert tokens.choose_token(portal) is not None
    with pytest.raises(Exception, match="NO_TOKEN"):
        PortalClient(portal).call("app.info")


@pytest.mark.parametrize("author", [ALICE, BOB])
def test_the_administrator_is_told_whoever_writes(live: Portal, alpha: SandboxPortal, author: int) -> None:
    lose_access(live, alpha)
    write(live, alpha, author)
    assert told(live, alpha) == [(ALICE, "SENDLINE|portal|0")]


def test_who_was_an_administrator_is_told_where_none_is_left(live: Portal, alpha: SandboxPortal) -> None:
    alpha.set_user(ALICE, admin=False)
    with pytest.raises(Exception, match="ACCESS_DENIED"):
        PortalClient(live).call("messageservice.sender.list")
    PortalToken.objects.filter(user_id=ALICE).update(dead_reason="invalid_grant")
    assert detection.administrator_ids(live) == []
    write(live, alpha, BOB)
    assert told(live, alpha) == [(ALICE, "SENDLINE|portal|0")]


def test_who_installed_is_told_where_nobody_else_is_known(live: Portal, alpha: SandboxPortal) -> None:
    PortalToken.objects.all().delete()
    Portal.objects.update(installed_by=DANA)
    write(live, alpha, BOB)
    assert told(live, alpha) == [(DANA, "SENDLINE|portal|0")]


def test_a_former_administrator_is_not_told_while_there_is_another(live: Portal) -> None:
    PortalToken.objects.create(
        portal=live, user_id=DANA, expires_at=timezone.now(), is_admin=False, demoted_at=timezone.now()
    )
    assert detection.people_to_notify(live, NoticeRules(portal=live)) == [ALICE]
