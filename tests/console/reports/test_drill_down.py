"""Every figure, bar and line leads to the messages it counts: the list has exactly as many."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from b24app.messaging.models import Message, Sender
from b24app.messaging.models.statuses import Change, Reason, Status
from b24app.messaging.statistics import breakdowns
from b24app.portals.models import Portal
from tests import factories
from tests.console.reports.test_reports import at, portal, sender

__all__ = ["portal", "sender"]

pytestmark = pytest.mark.django_db

ENDS = (
    *[Change(pk=0, status=Status.DELIVERED)] * 6,
    *[Change(pk=0, status=Status.UNDELIVERED, reason=Reason.UNREACHED)] * 4,
    *[Change(pk=0, status=Status.FAILED, reason=Reason.REJECTED)] * 3,
    *[Change(pk=0, status=Status.FAILED, reason=Reason.CANCELLED)] * 2,
    Change(pk=0, status=Status.FAILED, reason=Reason.CAPPED),
    Change(pk=0, status=Status.SENT),
)
AUTHORS, COUNTRIES, MODULES = (None, 7, 8), ("US", "GB", ""), ("crm", "bizproc", "sender", "")


def send(sender: Sender, *ago: int) -> None:
    """Let one message of each end pass on each of these days, and leave one waiting."""
    for days in ago:
        now = timezone.now() - timedelta(days=days)
        more: dict[str, Any] = {"now": now, "day": timezone.localdate(now, sender.portal.zone)}
        for place, end in enumerate(ENDS):
            message = factories.message(
                sender,
                author_id=AUTHORS[place % 3],
                country=COUNTRIES[place % 3],
                module=MODULES[place % 4],
                **more,
            )
            Message.objects.advance([Change(pk=message.pk, status=end.status, reason=end.reason)])
        factories.message(sender, **more)
    breakdowns.count_climbs()


@pytest.fixture
def seeded(portal: Portal, sender: Sender) -> Portal:
    """Return a portal with two real senders and one of the demo service."""
    send(sender, 0, 3)
    send(factories.sender(factories.connection(portal, "vonage"), names={"en": "Warehouse"}), 0)
    send(factories.sender(factories.connection(portal, "demo"), names={"en": "Practice"}), 0, 1)
    return portal


def linked_figures(page: str) -> list[tuple[str, int]]:
    """Return each link into the list of messages with the count that stands in it, or first in the tooltip of a bar."""
    found = []
    for attributes, text in re.findall(r"<a ([^>]*journal/\?[^>]*)>([^<]*)</a>", page):
        href = html.unescape(re.findall(r'href="([^"]*)"', attributes)[0])
        hint = re.findall(r'title="[^":]*: ([0-9]+)\n', attributes)
        count = re.findall(r"^\D*([0-9]+)\D*$", text.strip())
        if hint or count:
            found.append((href, int((hint or count)[0])))
    return found


def listed(client: Client, url: str) -> int:
    """Return how many messages a list shows; a page of it has fifty."""
    return client.get(url).content.decode().count('class="rowlink clip"')


@pytest.mark.parametrize("by", ["sender", "service", "country", "source", "employee"])
def test_each_linked_figure_of_reports_is_the_number_of_messages_listed(
    alice: Client, seeded: Portal, sender: Sender, by: str
) -> None:
    for narrowed in ({}, {"sender": sender.uuid.hex}, {"service": "vonage"}):
        page = alice.get(at(seeded), {"period": "7", "by": by, **narrowed}).content.decode()
        figures = linked_figures(page)
        assert {(url, count, listed(alice, url)) for url, count in figures} == {
            (url, count, min(count, 50)) for url, count in figures
        }
        assert len(figures) >= 15


def test_the_figures_above_the_charts_are_those_of_the_list(alice: Client, seeded: Portal) -> None:
    page = alice.get(at(seeded), {"period": "7"}).content.decode()
    top = page.split("<dl")[1].split("</dl>")[0]
    assert [count for _url, count in linked_figures(top)] == [51, 18, 39, 9]
    demo = re.findall(r'<a href="([^"]*)">34 demo messages are not counted\.</a>', page)
    assert listed(alice, html.unescape(demo[0])) == 34


def test_bars_and_days_of_home_lead_to_their_messages(alice: Client, seeded: Portal) -> None:
    page = alice.get(f"/p/{seeded.uuid.hex}/").content.decode()
    days = page.split('id="days"')[1].split("</section>")[0]
    bars = linked_figures(days)
    assert [(count, listed(alice, url)) for url, count in bars] == [(17, 17), (34, 34)]
    rows = re.findall(r'<th[^>]*><a href="([^"]*)">', days)
    assert [listed(alice, html.unescape(url)) for url in rows] == [34, 17]


def test_the_pointer_s_links_are_no_stops_for_the_keyboard_but_the_table_s_are(alice: Client, seeded: Portal) -> None:
    page = alice.get(at(seeded), {"period": "7"}).content.decode()
    hits = re.findall(r'class="chart__hits" aria-hidden="true">(.*?)</div>', page, re.DOTALL)
    stops = [re.findall(r"<a [^>]*>", one) for one in hits]
    assert [len(one) for one in stops] == [2]
    assert all('tabindex="-1"' in link for one in stops for link in one)
    table = page.split('<details class="twin"')[1].split("</table>")[0]
    assert "tabindex" not in table
    assert len(re.findall(r"<a href", table)) == 2 * 7


def test_nobody_else_s_list_shows_them(alice: Client, seeded: Portal) -> None:
    page = alice.get(at(seeded), {"period": "7"}).content.decode()
    charlie = factories.visitor(factories.portal("charlie"))
    bob = factories.visitor(seeded, factories.BOB, is_admin=False)
    own = Message.objects.filter(portal=seeded, author_id=factories.BOB).count()
    figures = linked_figures(page)
    assert len(figures) > 20
    for url, _count in figures:
        assert charlie.get(url).status_code == 401
        assert listed(bob, url) <= own
