"""The whole application beside its sandbox, and a Chromium that blocks third-party cookies and is listened to."""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Playwright,
)

from b24app.operations.local import stack
from b24app.operations.local.embedded import temporary_folder
from b24app.operations.local.stack import Ports, Stack
from tests.browser.people import REFUSES, WATCH_POLICY, Portal, begin_anew, chromium, forget_places, say_nothing


@pytest.fixture(scope="session")
def app() -> Iterator[Stack]:
    """Web, worker, beat and sandbox, on free ports, in a folder that is forgotten, with stores of their own."""
    with ExitStack() as held:
        folder = held.enter_context(temporary_folder())
        patch = held.enter_context(pytest.MonkeyPatch.context())
        for name in ("DATABASE_URL", "REDIS_URL"):
            patch.delenv(name, raising=False)  # those of all tests: two of these would meet there
        yield held.enter_context(stack.run_stack(folder, Ports(0, 0, 0, 0), durable=False, say=say_nothing))


@pytest.fixture(scope="session")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Yield a browser that refuses third-party cookies; test_cookies proves that it does."""
    with chromium(playwright, tmp_path_factory.mktemp("profile"), REFUSES) as context:
        context.add_init_script(WATCH_POLICY)
        yield context


@pytest.fixture
def portal(app: Stack, browser: BrowserContext) -> Iterator[Portal]:
    """Yield the first sandbox portal in a new tab; at the end nothing may have been complained about."""
    page = browser.new_page()
    person = Portal(page, app.portal, forget=partial(forget_places, app))

    def heard(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            person.troubles.append(f"{message.type}: {message.text} at {message.location.get('url', '')}")

    page.on("console", heard)
    page.on("pageerror", lambda error: person.troubles.append(f"script: {error}"))
    page.on("requestfailed", lambda request: person.troubles.append(f"failed: {urlsplit(request.url).path}"))
    yield person
    page.close()
    # The sandbox page's own poll is cut off wherever a page is left.
    assert [one for one in person.troubles if one != "failed: /_/state"] == []


@pytest.fixture(scope="module")
def new_portal(app: Stack) -> None:
    """Begin in a portal that nothing is left in: what is seeded is then what the tests see."""
    begin_anew(app)


@pytest.fixture
def furnished(app: Stack, portal: Portal) -> Portal:
    """Seed the portal with a past, unless it has an account already."""
    portal.open()
    portal.see("Home")
    portal.settle()
    app.supervisor.run("seed", ["manage.py", "seed_demo"])
    return portal
