"""A portal of the sandbox with the running application in it, and the years that pass over both."""

from dataclasses import replace
from itertools import count
from typing import Any
from urllib.parse import urljoin

from b24app.operations.local import visitor
from b24app.operations.local.journey import Journey
from b24app.operations.local.stack import CELERY
from b24app.operations.local.visitor import Visitor
from tests.faults.house import House, wait

NUMBER = "+12025550142"
EVENTS = {"ONAPPINSTALL", "ONAPPUPDATE", "ONAPPPAYMENT", "ONAPPMETHODCONFIRM", "ONAPPUNINSTALL"}

_numbers = count(1)


def add_portal(house: House, **switches: object) -> House:
    """Return a new portal on the processes of `house`, as strict as Bitrix24 may be, with these switches besides."""
    made = visitor.call_control(urljoin(house.run.portal, "/_/portals"), key=f"portal-{next(_numbers)}")
    own = replace(house, run=replace(house.run, portal=made["url"]))
    own.ask("switches", strict=True)
    own.ask("switches", **switches)
    return own


def install(portal: House) -> None:
    """Open the installer as Alice and run it to its end, the first time or again."""
    Journey(portal.run, lambda *_: None).install_app()


def open_as(portal: House, user: int) -> None:
    """Open the application as this employee."""
    frame = portal.ask("frame", user=user)
    Visitor().launch(frame["action"], frame["fields"])


def settle(portal: House) -> str:
    """Install and connect a gateway; return the code of its sender."""
    install(portal)
    return portal.connect_gateway()


def deliver(portal: House, code: str) -> None:
    """Send a message and see the portal show that it arrived."""
    portal.all_delivered([portal.send(NUMBER, code)], 20)


def member(portal: House) -> str:
    return str(portal.state()["member_id"])


def column(portal: House, name: str) -> Any:
    """Return a column of the portal's row, None where there is no row."""
    rows = portal.sql(f"SELECT {name} FROM portals_portal WHERE member_id = %s", member(portal))  # noqa: S608 - ours
    return rows[0][0] if rows else None


def set_columns(portal: House, assignment: str) -> None:
    """Change the portal's row, to let time pass over it."""
    portal.sql(f"UPDATE portals_portal SET {assignment} WHERE member_id = %s", member(portal))  # noqa: S608 - ours


def expire_tokens(portal: House) -> None:
    """Let the access tokens that are stored expire by our own clock."""
    theirs = "(SELECT id FROM portals_portal WHERE member_id = %s)"
    query = f"UPDATE portals_portaltoken SET expires_at = now() WHERE portal_id = {theirs}"  # noqa: S608 - written here
    portal.sql(query, member(portal))


def token_users(portal: House) -> set[int]:
    """Return whose tokens are stored and not dead."""
    rows = portal.sql(
        "SELECT user_id FROM portals_portaltoken JOIN portals_portal AS portal ON portal.id = portal_id"
        " WHERE member_id = %s AND dead_reason = ''",
        member(portal),
    )
    return {user for (user,) in rows}


def bound_events(portal: House) -> set[str]:
    return {handler["event"] for handler in portal.state()["handlers"]}


def heard(portal: House, event: str) -> list[str]:
    """Return, for each event of this name that the application has taken, why it had no effect ("": it had)."""
    rows = portal.sql(
        "SELECT error FROM journal_exchange AS exchange JOIN portals_portal AS portal ON portal.id = portal_id"
        " WHERE member_id = %s AND method = 'EVENT' AND path = %s ORDER BY exchange.id",
        member(portal),
        event,
    )
    return [error for (error,) in rows]


def run_maintenance(portal: House) -> None:
    """Have a worker do now what it does every five minutes."""
    portal.run.supervisor.run("care", [*CELERY, "call", "b24app.messaging.tasks.care"])


def wait_for_sender(portal: House, code: str, seconds: float = 10) -> None:
    wait(lambda: portal.codes() == [code], seconds, lambda: str(portal.codes()))
