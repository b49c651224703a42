"""A minimal browser of an administrator: frames, forms and the page ticket, without rendering."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPMessage
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

TIMEOUT_SECONDS = 20


class UnexpectedPage(Exception):
    """A page was not as expected; the message says where and what came instead."""


@dataclass(frozen=True)
class Page:
    """A response: its URL, HTTP status, headers and text."""

    url: str
    status: int
    headers: HTTPMessage
    text: str

    def json(self) -> Any:
        """Return the text parsed as JSON."""
        return json.loads(self.text)

    def expect_status(self, *statuses: int) -> "Page":
        """Return this page; raise UnexpectedPage unless its status is one of `statuses`."""
        if self.status not in statuses:
            raise UnexpectedPage(f"{urlsplit(self.url).path} answered {self.status}: {self.text[:600]}")
        return self


@dataclass
class Form:
    """A form of a page: where it posts to and the initial values of its fields."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


def fetch_page(method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Page:
    """Send one request over plain http, without following redirects."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_SECONDS)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body or None, dict(headers or {}))
        answer = connection.getresponse()
        return Page(url, answer.status, answer.headers, answer.read().decode(errors="replace"))
    finally:
        connection.close()


def call_control(url: str, **body: object) -> Any:
    """Post JSON to a control address of the sandbox and return its JSON; raise UnexpectedPage on refusal."""
    content = json.dumps(body).encode()
    return fetch_page("POST", url, body=content, headers={"Content-Type": "application/json"}).expect_status(200).json()


class Visitor:
    """Walks through the application's pages with the ticket of its launch."""

    def __init__(self) -> None:
        self._ticket = ""

    def launch(self, action: str, fields: Mapping[str, str]) -> Page:
        """Post a launch form as the portal's page does, keep the ticket, and return the first screen."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        page = fetch_page("POST", action, body=urlencode(fields).encode(), headers=headers).expect_status(200)
        parsed = _parse_page(page)
        self._ticket = parsed.metas.get("sendline-ticket", "")
        if not (self._ticket and parsed.start):
            raise UnexpectedPage(f"{urlsplit(action).path} gave no ticket or first screen: {page.text[:600]}")
        return self.get(urljoin(action, parsed.start))

    def get(self, url: str) -> Page:
        """Return a screen; raise UnexpectedPage unless its status is 200."""
        return fetch_page("GET", url, headers=self.headers()).expect_status(200)

    def submit(self, page: Page, form: Form, **values: str) -> Page:
        """Post `form` of `page` with `values` filled in, and follow where the response sends the browser."""
        headers = {**self.headers(), "Content-Type": "application/x-www-form-urlencoded"}
        url = urljoin(page.url, form.action)
        answer = fetch_page("POST", url, body=urlencode(form.fields | values).encode(), headers=headers)
        answer.expect_status(200, 204, 302, 303)
        path = _next_path(answer)
        return self.get(urljoin(url, path)) if path else answer

    def headers(self) -> dict[str, str]:
        """Return what every request of this browser carries, its ticket among it."""
        return {"Authorization": f"Bearer {self._ticket}", "HX-Request": "true"}


def _next_path(answer: Page) -> str:
    location = answer.headers.get("HX-Location", "")
    if location.startswith("{"):
        return str(json.loads(location)["path"])
    return location or answer.headers.get("HX-Redirect", "") or answer.headers.get("Location", "")


def find_forms(page: Page) -> list[Form]:
    """Return all forms of a page, and other elements with hx-post, in order."""
    return _parse_page(page).forms


def find_form_with(page: Page, *names: str) -> Form:
    """Return the first form of `page` that has all the fields `names`; raise UnexpectedPage."""
    for form in find_forms(page):
        if set(names) <= form.fields.keys():
            return form
    raise UnexpectedPage(f"{urlsplit(page.url).path} has no form with {', '.join(names)}: {page.text[:600]}")


def find_form_to(page: Page, ending: str) -> Form:
    """Return the first form of `page` whose address ends with `ending`; raise UnexpectedPage."""
    for form in find_forms(page):
        if form.action.endswith(ending):
            return form
    raise UnexpectedPage(f"{urlsplit(page.url).path} has no form to {ending}: {page.text[:600]}")


def wait_for(happened: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Return as soon as `happened()`; raise UnexpectedPage naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise UnexpectedPage(f"{what}: not after {seconds:.0f} s")
        time.sleep(0.1)


def _parse_page(page: Page) -> "_PageParser":
    reader = _PageParser()
    reader.feed(page.text)
    return reader


class _PageParser(HTMLParser):
    """Collects forms with their fields, metas, and the address of the first screen."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.metas: dict[str, str] = {}
        self.start = ""
        self._open = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "meta" and "name" in given:
            self.metas[given["name"]] = given.get("content", "")
        elif tag == "form":
            self._open = True
            self.forms.append(Form(given.get("hx-post") or given.get("action", "")))
        elif given.get("id") == "app":
            self.start = given.get("hx-get", "")
        elif not self._open and "hx-post" in given:
            self.forms.append(Form(given["hx-post"]))
        elif self._open and tag in {"input", "textarea", "select", "option"}:
            self._add_field(tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False

    def _add_field(self, tag: str, given: dict[str, str]) -> None:
        fields, name = self.forms[-1].fields, given.get("name", "")
        if tag == "option":
            if self._select and ("selected" in given or not fields.get(self._select)):
                fields[self._select] = given.get("value", "")
            return
        self._select = name if tag == "select" else ""
        if given.get("type") in {"checkbox", "radio"} and "checked" not in given:
            return
        if name:
            fields[name] = given.get("value", "on" if given.get("type") == "checkbox" else "")
