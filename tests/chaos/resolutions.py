"""What administrators do about unknown outcomes: some they have sent again, some they mark as sent."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin

from b24app.operations.local import visitor
from tests.chaos.tenants import Tenants

UNKNOWN = """
SELECT m.reference, p.member_id, m.text FROM messaging_message m JOIN portals_portal p ON p.id = m.portal_id
WHERE m.phase = 'unknown' ORDER BY m.id LIMIT 4
"""


@dataclass(frozen=True)
class Resolutions:
    """The texts that were sent again, and those that were marked as sent."""

    resent: frozenset[str] = frozenset()
    marked: frozenset[str] = frozenset()


def resolve_unknown(tenants: Tenants, say: Callable[[str], None]) -> Resolutions:
    """Have the first unknown outcomes resent and marked, in turn, on the message's own page."""
    houses = {str(house.state()["member_id"]): house for house in tenants.houses.values()}
    done: dict[str, set[str]] = {"resend": set(), "mark-sent": set()}
    for number, (reference, member, text) in enumerate(tenants.house.sql(UNKNOWN)):
        act = ("resend", "mark-sent")[number % 2]
        alice, home = houses[member].open()
        asked = alice.get(urljoin(home.url, f"journal/{reference}/{act}/"))
        alice.submit(asked, visitor.find_form_to(asked, f"/{act}/"))
        done[act].add(text)
        say(f"an administrator chose {act} for {text!r}")
    return Resolutions(frozenset(done["resend"]), frozenset(done["mark-sent"]))
