"""The books of the victim, as the fault suite keeps them: what was answered 200 has one row and was accepted once."""

from collections.abc import Sequence

from tests.attack.deployment import Deployment
from tests.attack.rows import member
from tests.attack.victim import Called, Centre
from tests.chaos import books as chaos
from tests.chaos.books import Ledgers
from tests.chaos.evidence import Acceptance, Call, Evidence, Row, Written

ROWS = """
SELECT m.id, coalesce(m.message_id, ''), m.connection_id, m.status, m.phase, m.reason, m.pushed,
       m.push_error, m.push_at IS NOT NULL, m.origin, extract(epoch FROM m.first_attempt_at)::float8
FROM messaging_message m JOIN portals_portal p ON p.id = m.portal_id WHERE p.member_id = %s ORDER BY m.id
"""


def books(deployment: Deployment, calls: Sequence[Called], centre: Centre) -> tuple[list[str], list[str]]:
    """Return who of the victim's messages is lost, and who is doubled."""
    evidence = _evidence(deployment, list(calls), centre)
    ledgers = Ledgers.of(evidence)
    return [_words(found) for found in chaos.lost(ledgers)], [_words(found) for found in chaos.doubled(ledgers)]


def _words(found: chaos.Finding) -> str:
    return f"{found.who}: {found.words}"


def _evidence(deployment: Deployment, calls: Sequence[Called], centre: Centre) -> Evidence:
    rows = [Row(row[0], "beta", *row[1:]) for row in deployment.beta.sql(ROWS, member(deployment.beta))]
    written = [
        Written(
            number=number,
            portal="beta",
            message_id=one.message_id,
            service=one.service,
            to=one.to,
            text=one.text,
            calls=[Call(one.at, one.status)],
            shown="",
        )
        for number, one in enumerate(calls)
    ]
    known = {one.message_id for one in calls}
    return Evidence(
        written=written,
        # A call may be under way at this moment.
        rows=[row for row in rows if row.message_id in known],
        ledger=[*_at_services(deployment), *_at_centre(centre)],
        hits=[],
        events=[],
    )


def _at_services(deployment: Deployment) -> list[Acceptance]:
    return [
        Acceptance(str(one["body"]), float(one["at"]), str(one["status"]), int(one["accepted"]), [])
        for one in deployment.beta.ledger()
    ]


def _at_centre(centre: Centre) -> list[Acceptance]:
    return [Acceptance(one.body.decode("latin-1"), 0.0, "delivered", 1, []) for one in list(centre.submits)]
