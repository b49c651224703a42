"""The page of the shelf says what the classes say."""

from datetime import timedelta

import pytest

from providers.kit import registry
from providers.kit.contract import Account, Call, Proof, Provider, Report, Reports
from providers.kit.services_page import PAGE, render_order, render_page


class Pigeon(Provider):
    code, title, docs = "pigeon", "Pigeon SMS", "https://pigeon.example/docs"
    countries = ("GB", "IE")
    reports = Reports.PUSHED
    proof = Proof.KEYED
    repeat_window = timedelta(hours=24)
    tested = "contract"

    def read_reports(self, call: Call) -> list[Report]:  # noqa: ARG002 (never called)
        return []

    def look_up(self, refs: object) -> list[Report]:  # noqa: ARG002 (never called)
        return []

    def check(self) -> Account:
        return Account(balance=None)


class Owl(Provider):
    code, title, docs = "owl", "Owl", ""
    reports = Reports.NONE
    tested = "unverified"


def test_a_row_tells_what_the_class_declares_and_can_do() -> None:
    pigeon, owl = render_page([Pigeon, Owl]).splitlines()[-2:]

    assert pigeon == (
        "| [Pigeon SMS](https://pigeon.example/docs) `pigeon` | GB IE | pushed, signed with a key, asked | balance "
        "|  | any |  | 24 h |  | contract |"
    )
    assert owl == "| Owl `owl` | worldwide | none |  |  | any |  |  |  | unverified |"


def test_the_order_says_what_speaks_for_it() -> None:
    rows = render_order().splitlines()

    assert "| RU | smsru, smsc, smsaero | Bitrix24 |" in rows
    assert "| DE | messagebird, twilio, vonage, infobip, mobizon | judgement |" in rows


@pytest.mark.usefixtures("_extras")
def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_page(registry.services().values()) + render_order(), (
        "run python -m providers.kit.services_page"
    )
