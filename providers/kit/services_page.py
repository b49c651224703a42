"""`python -m providers.kit.services_page`: write docs/services.md from the classes, so that it cannot be wrong."""

import inspect
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from providers.kit import registry
from providers.kit.contract import Proof, Provider, Reports
from providers.kit.popularity import MARKETS, POPULAR

PAGE = Path(__file__).resolve().parents[2] / "docs" / "services.md"
INTRODUCTION = """# Services

Made by `python -m providers.kit.services_page` from the files in `providers/`; a test compares the two.

- **Reports**: *signed* ones prove that they come from the service; *with a key* they do where the administrator enters
  it; *by address* means that nothing is signed, and only the secret address they come to proves them; *asked*: we ask.
- **Check** tells whether the credentials are good, *balance* also what is left. **Senders** are listed by the service.
- **Repeat-safe**: for so long the service recognises a repeated send, so that no failure costs twice.
- **Sender IDs**: *any* is numbers and names; *registered* names the service approves, *shared* also one it lends;
  *account* what it allows, *assigned* comes with the credentials, *gateway* what stands behind it accepts.
- **Pictures**: set-up steps with a schematic picture of the service's page.
- **Tested**: *contract* against the published specification, *unverified* where essential facts could not be looked up.

"""
HEADINGS = (
    "Service", "At home in", "Reports", "Check", "Senders", "Sender IDs", "Inbound", "Repeat-safe", "Pictures",
    "Tested",
)  # fmt: skip
ORDER = """
## In which order they are offered

By [popularity.py](../providers/kit/popularity.py), where a country has one line: first the services of the portal's
country in this order, then those for many countries, then by title. Those for many countries are
{popular}.
Nobody publishes how many firms use which service, so the basis is said:

- *Bitrix24*: its own module `messageservice` has a connector for the first (its folder `lib/sender/sms`, read
  2026-11-30); the others are judgement.
- *home*: the documentation of the first names the country as theirs ([services/](services/README.md)); the order is
  judgement.
- *judgement*: nothing but what is generally known of the market.

"""
_PROVEN = {Proof.SIGNED: "signed", Proof.KEYED: "signed with a key", Proof.ADDRESS: "by address"}


def render_page(services: Iterable[type[Provider]]) -> str:
    """Return the whole page in Markdown."""
    rows = [HEADINGS, tuple("---" for _heading in HEADINGS), *map(_render_row, services)]
    return INTRODUCTION + _render_table(rows)


def render_order() -> str:
    """Return the part of the page about the order of the catalogue."""
    rows = [("Country", "Services, most used first", "Basis"), ("---", "---", "---")]
    rows += [(code, ", ".join(market.services), market.basis) for code, market in MARKETS.items()]
    return ORDER.format(popular=", ".join(POPULAR)) + _render_table(rows)


def _render_table(rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _render_row(service: type[Provider]) -> tuple[str, ...]:
    title = f"[{service.title}]({service.docs})" if service.docs else service.title
    return (
        f"{title} `{service.code}`",
        " ".join(service.countries) or "worldwide",
        _reports_cell(service),
        _check_cell(service),
        _yes_cell(service.can("senders")),
        service.listing.sender_ids,
        _yes_cell(service.can("read_inbound")),
        _window_cell(service),
        _yes_cell(any(step.screen for step in service.setup)),
        service.tested,
    )


def _reports_cell(service: type[Provider]) -> str:
    if service.reports is Reports.NONE:
        return "none"
    if service.speaks != "http":
        return "over its own connection"
    ways = [f"pushed, {_PROVEN[service.proof]}"] if service.reports is Reports.PUSHED else []
    return ", ".join([*ways, *(["asked"] if service.can("look_up") else [])])


def _check_cell(service: type[Provider]) -> str:
    if not service.can("check"):
        return ""
    # What an account tells stands in the code alone: the class declares only that it can be asked.
    return "balance" if re.search(r"\bbalance=", inspect.getsource(service)) else "yes"


def _window_cell(service: type[Provider]) -> str:
    hours = service.repeat_window.total_seconds() / 3600
    if hours:
        return f"{hours:g} h"
    return "as set" if "recognises_for" in vars(service) else ""


def _yes_cell(can: bool) -> str:  # noqa: FBT001 - one value, and its word
    return "yes" if can else ""


if __name__ == "__main__":
    PAGE.write_text(render_page(registry.services().values()) + render_order(), encoding="utf-8")
    sys.stdout.write(f"{PAGE}: {len(registry.services())} services\n")
