"""What is open after an attack, and how the house is made as it was: the attacker's rows go, everybody starts anew."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg
from psycopg import sql

from tests.attack.attacks.outage import bring_back
from tests.attack.deployment import Deployment
from tests.attack.measures import Left
from tests.attack.rows import portal_id
from tests.chaos.quiet import spooled
from tests.faults.house import House

OPEN = """
SELECT (SELECT count(*) FROM messaging_message WHERE portal_id = %s AND phase IN ('waiting', 'on_wire')
        AND received_at < %s),
       (SELECT count(*) FROM messaging_deliveryreport WHERE due_at < now() - make_interval(secs => %s))
"""
OWNED = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
KEPT = frozenset({"portals_portal", "portals_portaltoken"})


def left(deployment: Deployment, until: float, overdue: float = 1.0, after: float = 0.0) -> Left:
    """Return what is open of all that came until then (unix seconds); a report once it is so many seconds overdue."""
    aside = len(spooled(deployment.spool / "poison"))
    waits = len(spooled(deployment.spool))
    moment = datetime.fromtimestamp(until, UTC)
    try:
        [(waiting, reports)] = deployment.beta.sql(OPEN, portal_id(deployment.beta), moment, overdue)
    except psycopg.OperationalError:
        return Left(1, 0, waits, aside, after)  # without a database nothing is at rest
    return Left(waiting, reports, waits, aside, round(after, 1))


def wait_calm(deployment: Deployment, seconds: float) -> None:
    """Wait until nothing is open that came before now, but no longer than that."""
    until, end = time.time(), time.monotonic() + seconds
    while left(deployment, until).open and time.monotonic() < end:
        time.sleep(0.2)


def tidy(deployment: Deployment) -> None:
    """Take away all that alpha has but for its installation, and every portal that an attack brought along."""
    bring_back(deployment.alpha.database.home)
    deployment.alpha.ask("oauth", delay=0)
    deployment.alpha.ask("switches", slow=0)
    _forget(deployment.alpha)
    _forget_visitors(deployment)
    for path in spooled(deployment.spool / "poison"):
        path.unlink(missing_ok=True)


def _forget(house: House) -> None:
    """Delete a portal's rows in every table that names it, or one of its accounts, without asking in which order."""
    _delete_rows(house, [portal_id(house)], KEPT)


def _forget_visitors(deployment: Deployment) -> None:
    """Delete the portals that are not the deployment's own, with all that they have."""
    own = [portal_id(house) for house in deployment.houses.values()]
    house = deployment.beta
    found = [one for (one,) in house.sql("SELECT id FROM portals_portal WHERE NOT id = ANY(%s)", own)]
    if found:
        _delete_rows(house, found, frozenset({"portals_portal"}))
        house.sql("DELETE FROM portals_portal WHERE id = ANY(%s)", found)


def _delete_rows(house: House, portals: Sequence[int], kept: frozenset[str]) -> None:
    with psycopg.connect(house.database.url, autocommit=True) as session:
        session.execute("SET session_replication_role = replica")  # no foreign key is looked at
        session.execute("SET lock_timeout = '20s'")
        query = "SELECT id FROM messaging_connection WHERE portal_id = ANY(%s)"
        accounts = [one for (one,) in session.execute(query, [list(portals)])]
        for table, column in list(session.execute(OWNED)):
            if table not in kept and column in {"connection_id", "portal_id"}:
                session.execute(_deletion(table, column), [accounts if column == "connection_id" else list(portals)])


def _deletion(table: str, column: str) -> sql.Composed:
    return sql.SQL("DELETE FROM {} WHERE {} = ANY(%s)").format(sql.Identifier(table), sql.Identifier(column))
