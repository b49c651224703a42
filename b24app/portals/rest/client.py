"""Calls to a portal: the right token, renewed where needed, the next one where the first is refused, one try each.

Waiting is the caller's business: a limit or a lapse is written into the portal's row and raised. What each error leads
to is listed in docs/bitrix24.md K.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from b24app.portals.errors import MethodPaused, NoToken, PortalError, PortalRefused, Postponed
from b24app.portals.models import Portal, PortalToken
from b24app.portals.rest import (
    admin_proof,
    bitrix,
    error_policy,
    exchange_records,
    operating_limit,
    paused_methods,
)
from b24app.portals.rest.responses import ErrorResponse, MethodResult, NoResponse
from b24app.portals.rest.token_rotation import OWNER_LOST, STALE_TOKEN, OwnerRefused, TokenRotation

MAX_COMMANDS = 50
BATCH = paused_methods.BATCH
# Methods whose ACCESS_DENIED says that the user is no administrator (docs/bitrix24.md B.7).
ADMIN_ONLY = "messageservice."


@dataclass(frozen=True, slots=True)
class BatchCommand:
    """One method of a batch. No user text in `params`: a batch reads `$result[…]` in it (docs/bitrix24.md C.5).

    `message` is our id of the message that it is about, for the record.
    """

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    message: int | None = None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of one command, or why it was refused (`Postponed`: repeat it later)."""

    result: Any = None
    error: PortalRefused | None = None


class PortalClient:
    """Calls one portal, in one thread, never from inside a transaction.

    `token` is used instead of the portal's own choice, and then no other is tried. Calls are recorded as being about
    `message`, our id of one.
    """

    def __init__(self, portal: Portal, *, token: PortalToken | None = None, message: int | None = None) -> None:
        self._portal = portal
        self._record = exchange_records.exchange_recorder(portal, message)
        self._tokens = TokenRotation(portal, token, exchange_records.exchange_recorder(portal))

    def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call one method and return its `result`. Raise PortalRefused, NotNow, InDoubt, NoToken, PortalGone."""
        pauses = self._find_pauses()
        if refusal := paused_methods.refusal(self._portal, pauses, method):
            raise refusal
        answer = self._tokens.send(
            lambda token: self._request_method(token, method, params or {}), admin_only=_is_admin_only(method)
        )
        operating_limit.store_reset_time(self._portal, method, answer.reset_at)
        paused_methods.resume_methods(self._portal, pauses, {method})
        error_policy.clear_suspension(self._portal)
        return answer.result

    def batch(self, commands: Sequence[BatchCommand]) -> list[BatchResult]:
        """Call at most 50 methods in one request that does not halt, and return their results in the same order.

        Raise what `call` raises where it concerns all of them, and InDoubt also when the portal left one out. Commands
        refused for lack of rights are repeated, they alone, with the next token. Methods that are paused are left out.
        """
        if len(commands) > MAX_COMMANDS:
            raise ValueError(f"A batch holds {MAX_COMMANDS} commands at most")
        if not commands:
            return []
        pauses = self._find_pauses()
        results = self._paused_results(commands, pauses)
        if len(results) < len(commands):
            self._send_batch(commands, results)
            succeeded = {commands[index].method for index, result in results.items() if result.error is None}
            paused_methods.resume_methods(self._portal, pauses, succeeded)
        return [results[index] for index in range(len(commands))]

    def _send_batch(self, commands: Sequence[BatchCommand], results: dict[int, BatchResult]) -> None:
        """Fill in the results of the commands that have none; raise what concerns all of them."""
        known = len(results)
        admin_only = all(_is_admin_only(command.method) for command in commands)
        try:
            self._tokens.send(lambda token: self._request_batch(token, commands, results), admin_only=admin_only)
        except (NoToken, PortalRefused) as error:
            if len(results) == known:
                raise
            for index in range(len(commands)):
                results.setdefault(index, BatchResult(error=PortalRefused(error.code, error.message)))
            return
        if not any(isinstance(result.error, Postponed) for result in results.values()):
            error_policy.clear_suspension(self._portal)

    # -- methods the portal cannot run for now -------------------------------------------------------------------------

    def _find_pauses(self) -> paused_methods.Pauses:
        error_policy.check_callable(self._portal)
        return paused_methods.find_pauses(self._portal)

    def _paused_results(
        self, commands: Sequence[BatchCommand], pauses: paused_methods.Pauses
    ) -> dict[int, BatchResult]:
        """Return the results of the commands that are not to be sent; raise MethodPaused where that is all of them."""
        if refusal := paused_methods.refusal(self._portal, pauses, BATCH):
            raise refusal
        methods = {command.method for command in commands}
        refusals = {one: error for one in methods if (error := paused_methods.refusal(self._portal, pauses, one))}
        paused = next((error for error in refusals.values() if isinstance(error, MethodPaused)), None)
        if paused is not None and len(refusals) == len(methods):
            raise paused
        return {
            index: BatchResult(error=_as_refusal(refusals[command.method]))
            for index, command in enumerate(commands)
            if command.method in refusals
        }

    # -- one request with the token in use -----------------------------------------------------------------------------

    def _request_method(self, token: PortalToken, method: str, params: Mapping[str, Any]) -> MethodResult:
        try:
            answer = bitrix.call_method(self._portal.rest_host, token.access, method, params, self._record)
        except ErrorResponse as response:
            raise self._error_for(response, method) from None
        admin_proof.note_success(self._portal, token, {method}, self._record)
        return answer

    def _request_batch(
        self, token: PortalToken, commands: Sequence[BatchCommand], results: dict[int, BatchResult]
    ) -> None:
        """Send the commands without a result; raise OwnerRefused when some of them lack only the rights."""
        waiting = [index for index in range(len(commands)) if index not in results]
        pairs = [(commands[index].method, commands[index].params) for index in waiting]
        about = [commands[index].message for index in waiting]
        try:
            with exchange_records.BatchRecorder(self._portal, pairs, about) as record:
                entries = bitrix.call_batch(self._portal.rest_host, token.access, pairs, record)
                record.entries = entries
        except ErrorResponse as response:
            raise self._error_for(response, BATCH) from None
        if None in entries:
            raise NoResponse("the portal left a command out")
        errors: dict[tuple[str, str], Exception] = {}  # each updates the portal's row once, however often it comes
        for index, entry in zip(waiting, entries, strict=True):
            method = commands[index].method
            if isinstance(entry, MethodResult):
                operating_limit.store_reset_time(self._portal, method, entry.reset_at)
                results[index] = BatchResult(entry.result)
            elif entry is not None:
                key = (entry.code, method)
                error = errors[key] = errors.get(key) or self._error_for(entry, method)
                if not isinstance(error, OwnerRefused):
                    results[index] = BatchResult(error=_as_refusal(error))
        if denied := next((error for error in errors.values() if isinstance(error, OwnerRefused)), None):
            raise denied
        succeeded = {commands[index].method for index in waiting if results[index].error is None}
        admin_proof.note_success(self._portal, token, succeeded, self._record)

    def _error_for(self, response: ErrorResponse, method: str) -> Exception:
        """Return the exception to raise: about the token, or else one that is also written to the portal's row."""
        if response.code in STALE_TOKEN:
            return response
        is_denied = response.code == "ACCESS_DENIED" and not error_policy.plan_has_lapsed(response)
        if is_denied or response.code in OWNER_LOST:
            return OwnerRefused(response)
        reset_at = operating_limit.reset_time(self._portal, method)
        until = paused_methods.pause_method(self._portal, method, response, reset_at)
        if response.code == paused_methods.OVER_LIMIT:
            return MethodPaused(response.code, response.message, until)
        return error_policy.apply_error(self._portal, response)


def _is_admin_only(method: str) -> bool:
    return method.startswith(ADMIN_ONLY)


def _as_refusal(error: Exception) -> PortalRefused:
    """Return what a command's result says: the refusal itself, or that the command was not executed."""
    if isinstance(error, PortalRefused):
        return error
    return Postponed(error.code, error.message) if isinstance(error, PortalError | ErrorResponse) else Postponed()
