"""Entries of the REST log as the screen and the operator's command show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from b24app.console.frame.screen import address
from b24app.console.rest_log.entries import Entry
from b24app.exchange_log.models import INCOMING, Exchange
from b24app.messaging.models import Message
from b24app.portals.models import Portal
from b24app.portals.rest.exchange_records import HANDLER

OK = "ok"


@dataclass(frozen=True, slots=True)
class LogRow:
    """An entry in words that need no translation: methods, codes and what was kept.

    `ms` is None where it was not measured; `href` leads to the message that the entry is about.
    """

    at: datetime
    name: str
    is_incoming: bool
    status: int  # 0: no response
    ms: int | None
    error: str
    details: str
    href: str = ""

    @classmethod
    def load_all(cls, portal: Portal, entries: Sequence[Entry], about: Sequence[int] | None = None) -> list[Self]:
        """Return the rows of entries; of a batch only the commands about these messages, where some are given."""
        alone = {entry.row.message_id for entry in entries if isinstance(entry.row, Exchange) and entry.row.message_id}
        known = Message.objects.filter(portal=portal, pk__in=alone) if alone else Message.objects.none()
        references = dict(known.values_list("pk", "reference"))
        rows = []
        for entry in entries:
            if isinstance(entry.row, Exchange):
                reference = references.get(entry.row.message_id or 0)
                rows.append(cls._of_exchange(entry.row, _message_path(portal, reference), about))
            else:
                rows.append(cls._of_message(entry.row, portal))
        return rows

    @classmethod
    def _of_exchange(cls, one: Exchange, href: str, about: Sequence[int] | None) -> Self:
        is_incoming = one.method in INCOMING
        details = [
            f"{one.method} {one.host} {one.path}" if is_incoming else f"{one.method} https://{one.host}{one.path}"
        ]
        details += [one.request, *_command_lines(one.commands, about), f"HTTP {one.status}" if one.status else ""]
        details += [one.response, one.error]
        return cls(
            at=one.at,
            name=one.name or one.path,
            is_incoming=is_incoming,
            status=one.status,
            ms=one.ms if one.ms or not is_incoming else None,
            error=one.error.partition(":")[0],
            details="\n".join(filter(None, details)),
            href=href,
        )

    @classmethod
    def _of_message(cls, message: Message, portal: Portal) -> Self:
        """Return the row of the handler call that became this message: it was answered with 200."""
        notes = {
            "CODE": message.sender.code,
            "MESSAGE_ID": message.message_id,
            "module_id": message.module,
            "user_id": message.author_id,
        }
        kept = " ".join(f"{key}={value}" for key, value in notes.items() if value)
        return cls(
            at=message.received_at,
            name=HANDLER,
            is_incoming=True,
            status=200,
            ms=None,
            error="",
            details=f"CALL {portal.domain} /h/\n{kept}\nHTTP 200",
            href=_message_path(portal, message.reference),
        )


def _message_path(portal: Portal, reference: object) -> str:
    return address(portal, "message", reference=reference) if reference else ""


def _command_lines(commands: Sequence[Mapping[str, Any]] | None, about: Sequence[int] | None) -> list[str]:
    chosen = [one for one in commands or () if about is None or one["message"] in about]
    return [f"{one['method']} {one['notes']} {one['error'] or OK}" for one in chosen]
