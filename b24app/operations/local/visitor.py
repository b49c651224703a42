"""An administrator's browser, as far as the journey needs one: frames, forms and the page ticket, without a screen."""

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
    """A page was not as the journey expected it; the text says where and what came instead."""


@dataclass(frozen=True)
class Page:
    """An answer: where it came from, its HTTP status, headers and text."""

    url: str
    status: int
    headers: HTTPMessage
    text: str

    def json(self) -> Any:
        """The text read as JSON."""
        return json.loads(self.text)

    def expect(self, *statuses: int) -> "Page":
        """This page; raises Astray unless its status is one of `statuses`."""
        if self.status not in statuses:
            raise UnexpectedPage(f"{urlsplit(self.url).path} answered {self.status}: {self.text[:600]}")
        return self


@dataclass
class Form:
    """A form of a page: where it posts to and what its fields hold before anybody types."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


def fetch_page(method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Page:
    """One request over plain http, no redirect followed."""
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
    """A control address of the sandbox, asked with JSON; raises Astray when it refuses."""
    sent = json.dumps(body).encode()
    return fetch_page("POST", url, body=sent, headers={"Content-Type": "application/json"}).expect(200).json()


class Visitor:
    """Walks through the application's pages with the ticket its launch gave it."""

    def __init__(self) -> None:
        self._ticket = ""

    def launch(self, action: str, fields: Mapping[str, str]) -> Page:
        """Post a launch form as the portal's page does, keep the ticket, and return the first screen."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        page = fetch_page("POST", action, body=urlencode(fields).encode(), headers=headers).expect(200)
        read = _parse_page(page)
        self._ticket = read.metas.get("sendline-ticket", "")
        if not (self._ticket and read.start):
            raise UnexpectedPage(f"{urlsplit(action).path} gave no ticket or first screen: {page.text[:600]}")
        return self.get(urljoin(action, read.start))

    def get(self, url: str) -> Page:
        """A screen; raises Astray unless it answers 200."""
        return fetch_page("GET", url, headers=self.headers()).expect(200)

    def submit(self, page: Page, form: Form, **values: str) -> Page:
        """Post `form` of `page` with `values` typed in, and go where the answer sends the browser."""
        headers = {**self.headers(), "Content-Type": "application/x-www-form-urlencoded"}
        url = urljoin(page.url, form.action)
        answer = fetch_page("POST", url, body=urlencode(form.fields | values).encode(), headers=headers)
        answer.expect(200, 204, 302, 303)
        following = _next_path(answer)
        return self.get(urljoin(url, following)) if following else answer

    def headers(self) -> dict[str, str]:
        """Return what every request of this browser carries, its ticket among it."""
        return {"Authorization": f"Bearer {self._ticket}", "HX-Request": "true"}


def _next_path(answer: Page) -> str:
    location = answer.headers.get("HX-Location", "")
    if location.startswith("{"):
        return str(json.loads(location)["path"])
    return location or answer.headers.get("HX-Redirect", "") or answer.headers.get("Location", "")


def find_forms(page: Page) -> list[Form]:
    """All forms of a page, and what posts without one (hx-post on any element), in order."""
    return _parse_page(page).forms


def find_form_with(page: Page, *names: str) -> Form:
    """The first form of `page` that has all the fields `names`; raises Astray."""
    for form in find_forms(page):
        if set(names) <= form.fields.keys():
            return form
    raise UnexpectedPage(f"{urlsplit(page.url).path} has no form with {', '.join(names)}: {page.text[:600]}")


def find_form_to(page: Page, ending: str) -> Form:
    """The first form of `page` whose address ends so; raises Astray."""
    for form in find_forms(page):
        if form.action.endswith(ending):
            return form
    raise UnexpectedPage(f"{urlsplit(page.url).path} has no form to {ending}: {page.text[:600]}")


def wait_for(happened: Callable[[], bool], what: str, *, seconds: float) -> None:
    """Return as soon as `happened()`; raises Astray with `what` was awaited after `seconds`."""
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
            self._take(tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False

    def _take(self, tag: str, given: dict[str, str]) -> None:
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
