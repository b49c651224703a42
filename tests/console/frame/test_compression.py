"""Pages are compressed for browsers that understand it; files and what is tiny are not."""

import gzip
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from b24app.messaging.models import Sender
from b24app.messaging.models.statuses import Phase, Status
from b24app.portals.models import Portal
from tests import factories

pytestmark = pytest.mark.django_db

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture
def sender() -> Sender:
    return factories.sender(factories.connection(factories.portal("alpha")))


@pytest.fixture
def fifty(sender: Sender) -> None:
    """Fifty messages as a shop sends them."""
    for place in range(50):
        factories.message(
            sender,
            message_id=f"m{place}",
            to=f"+120255501{place:02}",
            text=f"Hello, order {place * 7919} is packed and leaves our workshop today.",
            status=Status.DELIVERED,
            phase=Phase.DONE,
            received_at=timezone.now() - timedelta(minutes=place),
        )


@pytest.mark.usefixtures("fifty")
def test_a_page_is_a_fraction_of_its_size(alice: Client, portal: Portal) -> None:
    path = f"/p/{portal.uuid.hex}/journal/"
    plain = alice.get(path)
    small = alice.get(path, headers=GZIP)
    assert "Content-Encoding" not in plain
    assert small["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in small["Vary"]
    assert int(small["Content-Length"]) == len(small.content)
    assert len(small.content) < len(plain.content) / 6
    assert "order 7919 is packed" in gzip.decompress(small.content).decode()


@pytest.mark.usefixtures("fifty")
def test_the_length_of_a_page_tells_little(alice: Client, portal: Portal) -> None:
    path = f"/p/{portal.uuid.hex}/help/"
    assert len({len(alice.get(path, headers=GZIP).content) for _ in range(20)}) > 1


def test_the_shell_and_small_answers(alice: Client, portal: Portal, client: Client) -> None:
    assert client.get(f"/p/{portal.uuid.hex}/", headers=GZIP)["Content-Encoding"] == "gzip"
    answer = alice.post(f"/p/{portal.uuid.hex}/theme/", {"theme": "dark"}, headers=GZIP)
    assert answer.status_code == 204
    assert "Content-Encoding" not in answer


@pytest.mark.usefixtures("fifty")
def test_files_stay_as_they_are(alice: Client, portal: Portal) -> None:
    file = alice.get(f"/p/{portal.uuid.hex}/reports/days/export/", headers=GZIP)
    download = alice.get(file["HX-Redirect"], headers=GZIP)
    assert download.status_code == 200
    assert "Content-Encoding" not in download
