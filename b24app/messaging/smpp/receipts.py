"""Turn receipts into delivery reports: find which message an id means, however it is written."""

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

LAST_DIGITS = 7  # enough to tell numbers apart, and the same in national notation

FIND_REFS = """
SELECT m.ref, m.to FROM messaging_message m WHERE m.connection_id = %(connection)s AND m.ref = ANY(%(refs)s)
UNION ALL
SELECT p.ref, m.to FROM messaging_messagepart p JOIN messaging_message m ON m.id = p.message_id
WHERE p.connection_id = %(connection)s AND p.ref = ANY(%(refs)s)
"""


def id_forms(ref: str) -> tuple[str, ...]:
    """Return the ways an id may be written: an SMSC may answer in hexadecimal and report in decimal, or the reverse."""
    found = [ref]
    if re.fullmatch(r"[0-9]{1,20}", ref):
        number = int(ref)
        found += [str(number), f"{number:010}"]
        found += [written for digits in (0, 8, 10, 16) for written in _hex_forms(number, digits)]
    if re.fullmatch(r"[0-9A-Fa-f]{1,16}", ref):
        number = int(ref, 16)
        found += [str(number), f"{number:010}", *_hex_forms(number, 0), *_hex_forms(number, 8)]
    return tuple(dict.fromkeys(found))


def _hex_forms(number: int, digits: int) -> tuple[str, str]:
    return f"{number:0{digits}x}", f"{number:0{digits}X}"


def id_forms_of(reports: Iterable[Report]) -> set[str]:
    """Return all ids the reports may mean."""
    return {form for report in reports if report.ref for form in id_forms(report.ref)}


def find_refs(connection: int, refs: Collection[str]) -> dict[str, str]:
    """Return those of the ids that messages of this account have, each with its number."""
    if not refs:
        return {}
    with database.cursor() as cursor:
        cursor.execute(FIND_REFS, {"connection": connection, "refs": list(refs)})
        return dict(cursor.fetchall())


def choose_ref(report: Report, numbers: Mapping[str, str]) -> str:
    """Return the report's id as our message has it, "" if none is found.

    Two ids of one account may be each other's digits in another base; the recipient's number tells them apart.
    """
    found = [form for form in id_forms(report.ref) if form in numbers]
    fitting = [form for form in found if _is_same_number(numbers[form], report.recipient)]
    if fitting:
        return fitting[0]
    return report.ref if report.ref in found else ""


def _is_same_number(ours: str, reported: str) -> bool:
    digits = re.sub(r"[^0-9]", "", reported)[-LAST_DIGITS:]
    return not digits or ours.endswith(digits)


def insert_receipts(connection: int, reports: Sequence[Report], numbers: Mapping[str, str]) -> None:
    """Store receipts and enqueue applying them; safe to run twice."""
    chosen = [replace(one, ref=choose_ref(one, numbers) or one.ref) for one in reports]
    with suppress(NoSuchConnection):  # it has been removed meanwhile
        acceptance.insert_reports(connection, chosen)
    enqueue.apply_reports()


def to_json(connection: int, reports: Collection[Report]) -> dict[str, Any]:
    """Return the record that waits on disk while the database is away."""
    return {"connection": connection, "reports": [{**asdict(one), "price": None} for one in reports]}


def replay_receipts(record: Mapping[str, Any]) -> None:
    """Store receipts that waited on disk."""
    reports = [
        Report(**{**one, "status": Status(one["status"]) if one["status"] else None}) for one in record["reports"]
    ]
    insert_receipts(record["connection"], reports, find_refs(record["connection"], id_forms_of(reports)))
