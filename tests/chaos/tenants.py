"""Portals and their accounts in a house that has none yet, connected by their administrators."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urljoin

from b24app.operations.local import visitor
from b24app.operations.local.journey import Journey
from tests.chaos.schedule import PORTALS
from tests.faults.house import GATEWAY, House

WORDS = "sent=sent\ndelivered=delivered\nundelivered=undelivered\nfailed=failed"


@dataclass(frozen=True)
class Line:
    """A sender of a portal: where messages go, and how its service reports on them."""

    portal: str
    code: str
    service: str  # twilio, gateway (recognises a repeat), plain (does not), demo (is asked)


@dataclass(frozen=True)
class Tenants:
    """All portals by name, each as a house of its own on the same processes and stores; and their senders."""

    houses: Mapping[str, House]
    lines: tuple[Line, ...]

    @property
    def house(self) -> House:
        return self.houses[PORTALS[0]]


ACCOUNTS = (
    ("alpha", "twilio"),
    ("alpha", "gateway"),
    ("beta", "gateway"),
    ("beta", "plain"),
    ("gamma", "twilio"),
    ("gamma", "demo"),
)


def install_portals(house: House) -> Tenants:
    """Install the application in every portal and connect all accounts."""
    visitor.call_control(urljoin(house.run.portal, "/_/portals"), key="gamma")
    found = visitor.fetch_page("GET", urljoin(house.run.portal, "/_/portals")).expect_status(200).json()["portals"]
    urls = {one["key"]: one["url"] for one in found}
    houses = {name: replace(house, run=replace(house.run, portal=urls[name])) for name in PORTALS}
    for one in houses.values():
        Journey(one.run, lambda *_: None).install_app()
    lines = [Line(name, _connect(houses[name], kind, number), kind) for number, (name, kind) in enumerate(ACCOUNTS)]
    return Tenants(houses, tuple(lines))


def _connect(house: House, kind: str, number: int) -> str:
    """Connect an account of the sandbox; the code of its sender."""
    before = set(house.codes())
    alice, home = house.open()
    service = kind if kind in {"twilio", "demo"} else "http"
    page = alice.get(urljoin(home.url, f"senders/connect/{service}/"))
    account: Mapping[str, Any] = _account(house, kind, number)
    saved = alice.submit(page, visitor.find_form_to(page, f"/senders/connect/{service}/"), **account)
    form = visitor.find_form_with(saved, "sender-name_en")
    names = {"sender-name_en": f"{kind} {number}", "sender-name_ru": f"{kind} {number}"}
    if "sender-signature" in form.fields and kind != "demo":
        names |= {"sender-offer": "", "sender-signature": "Acme"}
    alice.submit(saved, form, **names)
    return (set(house.codes()) - before).pop()


def _account(house: House, kind: str, number: int) -> Mapping[str, str]:
    if kind == "demo":
        return {}
    if kind == "twilio":
        sid = f"AC{number:032d}"
        return {"account-account_sid": sid, "account-auth_token": f"token-{number}", "account-base_url": house.run.sms}
    promised = "24" if kind == "gateway" else "0"
    return {
        **GATEWAY,
        "account-url": urljoin(house.run.sms, "/gateway/send"),
        "account-recognises": promised,
        "account-report_words": WORDS,
    }
