"""Receipts into rows: which of our messages an id means, however it is written, and then the way of all reports."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from django.db import connection as database

from b24app.messaging import enqueue
from b24app.messaging.reports import acceptance
from b24app.messaging.reports.acceptance import NoSuchConnection
from providers.kit.contract import Report, Status

LAST_DIGITS = 7  # of a number tell enough, and are the same in national writing

KNOWN = """
SELECT m.ref, m.to FROM messaging_message m WHERE m.connection_id = %(connection)s AND m.ref = ANY(%(refs)s)
UNION ALL
SELECT p.ref, m.to FROM messaging_messagepart p JOIN messaging_message m ON m.id = p.message_id
WHERE p.connection_id = %(connection)s AND p.ref = ANY(%(refs)s)
"""


def id_forms(ref: str) -> tuple[str, ...]:
    """How else an id may be written: an SMSC may answer in hexadecimal and report in decimal, or the reverse."""
    found = [ref]
    if re.fullmatch(r"[0-9]{1,20}", ref):
        number = int(ref)
        found += [str(number), f"{number:010}"]
        found += [written for digits in (0, 8, 10, 16) for written in _hexadecimal(number, digits)]
    if re.fullmatch(r"[0-9A-Fa-f]{1,16}", ref):
        number = int(ref, 16)
        found += [str(number), f"{number:010}", *_hexadecimal(number, 0), *_hexadecimal(number, 8)]
    return tuple(dict.fromkeys(found))


def _hexadecimal(number: int, digits: int) -> tuple[str, str]:
    return f"{number:0{digits}x}", f"{number:0{digits}X}"


def id_forms_of(told: Iterable[Report]) -> set[str]:
    """All ids that the reports may mean."""
    return {form for report in told if report.ref for form in id_forms(report.ref)}


def known_refs(connection: int, refs: Collection[str]) -> dict[str, str]:
    """Those of the ids that messages of this account have, each with its number."""
    if not refs:
        return {}
    with database.cursor() as cursor:
        cursor.execute(KNOWN, {"connection": connection, "refs": list(refs)})
        return dict(cursor.fetchall())


def choose_ref(report: Report, numbers: Mapping[str, str]) -> str:
    """The id as our message has it, "" where none is known.

    Two ids of one account may be each other's digits in another base; whose number it is tells them apart.
    """
    there = [form for form in id_forms(report.ref) if form in numbers]
    fitting = [form for form in there if _is_same_number(numbers[form], report.recipient)]
    if fitting:
        return fitting[0]
    return report.ref if report.ref in there else ""


def _is_same_number(ours: str, told: str) -> bool:
    digits = re.sub(r"[^0-9]", "", told)[-LAST_DIGITS:]
    return not digits or ours.endswith(digits)


def insert_receipts(connection: int, told: Sequence[Report], numbers: Mapping[str, str]) -> None:
    """Write receipts down, and ring for those who apply them; safe to run twice."""
    chosen = [replace(one, ref=choose_ref(one, numbers) or one.ref) for one in told]
    with suppress(NoSuchConnection):  # it was removed meanwhile
        acceptance.insert_reports(connection, chosen)
    enqueue.apply_reports()


def to_json(connection: int, told: Collection[Report]) -> dict[str, Any]:
    """What waits on disk while the database is away."""
    return {"connection": connection, "reports": [{**asdict(one), "price": None} for one in told]}


def replay_receipts(kept: Mapping[str, Any]) -> None:
    """Write receipts that waited on disk."""
    told = [Report(**{**one, "status": Status(one["status"]) if one["status"] else None}) for one in kept["reports"]]
    insert_receipts(kept["connection"], told, known_refs(kept["connection"], id_forms_of(told)))
