"""A portal that does not answer is asked ever more rarely, with the token as it is, and old statuses are given up."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone

from b24app.messaging import sweep, tasks
from b24app.messaging.models import Sender
from b24app.portals.models import Portal, PortalToken
from b24app.sandbox import Portal as SandboxPortal
from tests import factories
from tests.messaging.push.statuses import UPDATE, sent_status

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def renewals(alpha: SandboxPortal) -> int:
    """Return how many refresh tokens were used."""
    return sum(not token.refresh for token in alpha.tokens.values())


def try_for(portal: Portal, span: timedelta) -> list[timedelta]:
    """Push whenever the portal is due, for so long; return the waits. Time passes by moving what waits for it."""
    waits: list[timedelta] = []
    while sum(waits, timedelta()) < span:
        assert sweep.to_push() == [portal.pk]
        tasks.push_statuses(portal.pk)
        assert sweep.to_push() == []
        portal.refresh_from_db()
        assert portal.push_after is not None
        waits.append(portal.push_after - timezone.now())
        Portal.objects.update(push_after=timezone.now())
        for token in PortalToken.objects.all():
            token.expires_at -= waits[-1]
            token.save()
    return waits


def text_of(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def test_a_due_status_is_found_by_the_sweep_unless_its_portal_is_to_be_left_alone(
    alpha: SandboxPortal, live: Portal, sender: Sender
) -> None:
    factories.sender(factories.connection(factories.portal("charlie")))  # has nothing to push
    assert sweep.to_push() == []
    sent_status(alpha, sender)
    assert sweep.to_push() == [live.pk]
    later = timezone.now() + HOUR
    for wait in (
        {"push_after": later},
        {"rest_after": later},
        {"push_lease_until": later},
        {"suspended_until": later, "suspension": "plan"},
        {"uninstalled_at": timezone.now()},
    ):
        Portal.objects.filter(pk=live.pk).update(**wait)
        assert sweep.to_push() == [], wait
        live.save()
    assert sweep.to_push() == [live.pk]
    assert [call.method for call in alpha.rest_log].count(UPDATE) == 0
