"""Taking the evidence, once all is quiet."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

from b24app.operations.local import visitor
from tests.chaos import logs
from tests.chaos.components import Components
from tests.chaos.event_log import Event
from tests.chaos.evidence import Acceptance, Call, Evidence, Hit, Row, Told, Written
from tests.chaos.load import Posted
from tests.chaos.quiet import Quiet
from tests.chaos.resolutions import Resolutions
from tests.chaos.tenants import Tenants
from tests.faults.house import House

ROWS = """
SELECT m.id, p.member_id, coalesce(m.message_id, ''), m.connection_id, m.status, m.phase, m.reason, m.pushed,
       m.push_error, m.push_at IS NOT NULL, m.origin, extract(epoch FROM m.first_attempt_at)::float8
FROM messaging_message m JOIN portals_portal p ON p.id = m.portal_id ORDER BY m.id
"""


@dataclass(frozen=True)
class Day:
    """Where the evidence of a run lies."""

    tenants: Tenants
    components: Components
    posted: Sequence[Posted]
    events: Sequence[Event]
    quiet: Quiet

    def evidence(self, resolutions: Resolutions) -> Evidence:
        """Everything the books need, as it is now."""
        house = self.tenants.house
        lines = logs.read(self.components.logs())
        left = self.quiet.open()
        return Evidence(
            written=list(_written(self.tenants, self.posted)),
            rows=_rows(self.tenants),
            ledger=[_acceptance(entry) for entry in house.ledger()],
            hits=_hits(house),
            events=self.events,
            broken=logs.broken(lines, self.events),
            deadlocks=logs.deadlocks(self.components.database_log),
            deadlocks_repeated=logs.repeated(lines),
            reports_due=left["reports"],
            spooled=left["spooled"],
            poisoned=self.quiet.poisoned(),
            died=self.components.died,
            resent=resolutions.resent,
            marked=resolutions.marked,
        )


def _written(tenants: Tenants, posted: Sequence[Posted]) -> Iterable[Written]:
    found = {name: house.messages() for name, house in tenants.houses.items()}
    for one in posted:
        message = found[one.line.portal][one.message_id]
        yield Written(
            number=one.planned.number,
            portal=one.line.portal,
            message_id=one.message_id,
            service=one.line.service,
            to=one.planned.to,
            text=one.planned.text,
            calls=[Call(call["at"], call["status"]) for call in message["calls"]],
            shown=message["status"],
        )


def _rows(tenants: Tenants) -> list[Row]:
    members = {str(house.state()["member_id"]): name for name, house in tenants.houses.items()}
    return [Row(row[0], members[row[1]], *row[2:]) for row in tenants.house.sql(ROWS)]


def _acceptance(entry: Mapping[str, object]) -> Acceptance:
    reports = entry["reports"]
    assert isinstance(reports, list)
    told = [Told(one["word"], one["genuine"], one["status"], one["at"]) for one in reports]
    return Acceptance(
        text=str(entry["body"]),
        at=float(str(entry["at"])),
        status=str(entry["status"]),
        accepted=int(str(entry["accepted"])),
        reports=told,
    )


def _hits(house: House) -> list[Hit]:
    found = visitor.fetch_page("GET", urljoin(house.run.sms, "/_/troubles")).expect_status(200).json()["troubles"]
    return [Hit(one["body"], one["fault"], one["at"], one["accepted"], one["seconds"]) for one in found]
