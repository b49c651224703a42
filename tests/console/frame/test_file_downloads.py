"""Files on their way out, of every kind: one per portal at a time, and its place is released whatever happens."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from b24app.console.frame.file_downloads import Download, TooSlow, current_file, hold_file
from b24app.console.frame.long_requests import FILES
from b24app.core.concurrency_limit import Busy
from b24app.core.redis import redis_client
from tests import factories
from tests.console.test_strangers import FILES as KINDS
from tests.console.test_strangers import World, token_of, world

pytestmark = pytest.mark.django_db

__all__ = ["world"]  # the fixture

TAKES = {
    "stoplist-take": ("get", "/stop-list/export/", {}),
    "reports-take": ("get", "/reports/days/export/", {}),
    "personal-take": ("post", "/settings/personal/export/", {"number": "+12025550199", "shape": "csv"}),
    "support": ("post", "/help/support/", {}),
    "journal-export": ("get", "/journal/export/", {}),
}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_one_file_of_a_portal_whatever_its_kind(world: World, name: str) -> None:
    address = reverse(name, kwargs={"token": token_of(name, world)})
    with hold_file(world.alice, "another"):
        refused = Client().get(address)
        assert (refused.status_code, refused["Retry-After"]) == (503, "5")
        assert current_file(world.alice) == "another"
    answer: Any = Client().get(address)
    assert answer.status_code == 200
    assert current_file(world.alice) not in ("", "another")
    assert Client().get(reverse(name, kwargs={"token": token_of(name, world)})).status_code == 503
    assert answer.getvalue()
    assert current_file(world.alice) == ""


@pytest.mark.parametrize("name", sorted(TAKES))
def test_a_button_says_that_another_file_is_being_written_and_the_page_stays(world: World, name: str) -> None:
    method, path, form = TAKES[name]
    alice, charlie = factories.visitor(world.alice), factories.visitor(world.charlie)
    with hold_file(world.alice, "another"):
        refused = getattr(alice, method)(f"/p/{world.alice.uuid.hex}{path}", form)
        assert refused.status_code == 204
        assert "Another file is being prepared" in refused["HX-Trigger"]
        assert "HX-Redirect" not in refused
        assert getattr(charlie, method)(f"/p/{world.charlie.uuid.hex}{path}", form).status_code == 200
    assert getattr(alice, method)(f"/p/{world.alice.uuid.hex}{path}", form).status_code == 200


@pytest.mark.parametrize("name", sorted(KINDS))
def test_a_head_takes_no_place(world: World, name: str) -> None:
    """Chat programs and scanners look at addresses before people do."""
    address = reverse(name, kwargs={"token": token_of(name, world)})
    head = Client().head(address)
    assert (head.status_code, head["Cache-Control"]) == (200, "no-store")
    assert "attachment" in head["Content-Disposition"]
    assert current_file(world.alice) == ""
    assert Client().get(address).status_code == 200


@pytest.mark.parametrize("name", sorted(KINDS))
@pytest.mark.parametrize("pieces", [0, 1])
def test_a_reader_who_leaves_leaves_the_place(world: World, name: str, pieces: int) -> None:
    address = reverse(name, kwargs={"token": token_of(name, world)})
    answer: Any = Client().get(address)
    for _ in range(pieces):
        next(iter(answer.streaming_content))
    assert current_file(world.alice) != ""
    answer.close()
    assert current_file(world.alice) == ""
    with FILES.hold(world.alice.uuid.hex):
        pass


def test_a_file_that_breaks_leaves_its_place(world: World) -> None:
    def breaks() -> Iterator[str]:
        yield "half"
        raise RuntimeError

    held = ExitStack()
    held.enter_context(hold_file(world.alice, "job"))
    download = Download(breaks(), held, lambda: None)
    assert next(download) == "half"
    with pytest.raises(RuntimeError):
        next(download)
    assert current_file(world.alice) == ""


def test_a_file_that_nobody_took_over_leaves_its_place(world: World) -> None:
    """Such as one whose head could not be sent."""
    held = ExitStack()
    held.enter_context(hold_file(world.alice, "job"))
    download: Download | None = Download(iter(["x"]), held, lambda: None)
    assert download is not None
    download = None
    assert current_file(world.alice) == ""


def read_slowly(download: Download, pause: float) -> int:
    count = 0
    for piece in download:
        time.sleep(pause)
        count += len(piece)
    return count


@pytest.mark.parametrize("pause", [0.4, 0.15], ids=["stops reading", "drips"])
def test_a_reader_who_does_not_read_ends_the_file(world: World, pause: float) -> None:
    held = ExitStack()
    held.enter_context(hold_file(world.alice, "job"))
    download = Download(iter(["x"] * 50), held, lambda: None, patience=0.3)
    with pytest.raises(TooSlow):
        read_slowly(download, pause)
    assert current_file(world.alice) == ""


def test_a_reader_with_a_slow_line_gets_the_whole(world: World) -> None:
    download = Download(iter(["x" * 4000] * 5), ExitStack(), lambda: None, patience=0.3)
    assert read_slowly(download, 0.1) == 20_000


def test_the_place_of_another_is_not_given_back(world: World) -> None:
    with ExitStack() as held:
        held.enter_context(hold_file(world.alice, "first"))
        redis_client().set(f"export:{world.alice.uuid.hex}", "second")  # the first was silent for too long
    assert current_file(world.alice) == "second"


def test_files_have_places_of_their_process_also_without_redis(world: World) -> None:
    """What Redis would say of other processes is missing then, and nothing else."""
    with ExitStack() as held:
        held.enter_context(hold_file(world.alice, "job"))
        redis_client().flushdb()
        with pytest.raises(Busy), hold_file(world.alice, "second"):
            pass
