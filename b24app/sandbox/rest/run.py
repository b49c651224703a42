"""Running methods: one by one, or up to fifty in a batch (docs/bitrix24.md C.2, C.5)."""

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from b24app.sandbox import phpform
from b24app.sandbox.rest import limits, table
from b24app.sandbox.rest.call import Call, Page
from b24app.sandbox.rest.errors import RestError, access_denied
from b24app.sandbox.state import PortalState, RestCall, Token, User
from b24app.sandbox.world import World

_BATCH_LENGTH = 50
_RESERVED = {"auth", "access_token", "start", "state"}
_NOT_IN_BATCH = {"batch"}
_MACRO = re.compile(r"\$result((?:\[[^\]]*\])+)")


class Runner:
    """Runs the methods of one request as one user of one portal, and writes the REST log."""

    def __init__(self, world: World, portal: PortalState, token: Token, user: User, deadline: limits.Deadline) -> None:
        self._world = world
        self._portal = portal
        self._running = world.running[portal.key]
        self._token = token
        self._user = user
        self._deadline = deadline

    def run_method(self, name: str, params: dict[str, object], *, inner: bool = False) -> dict[str, Any]:
        """Run one method and return `{"result": …, "time": …}`; raise RestError and RequestCutOff."""
        started = time.time()
        self._deadline.wait(self._portal.switches.slow_command)
        try:
            with self._world.lock:
                result = self._call_method(name, params, started)
        except RestError as error:
            self._log_call(name, params, started, error, inner=inner)
            raise
        self._log_call(name, params, started, None, inner=inner)
        with self._world.lock:
            operating = limits.measure_operating_time(self._running, name, started)
        return {**_result_fields(result), "time": time_block(started, operating)}

    def run_batch(self, params: dict[str, object]) -> dict[str, Any]:
        """Run `batch`: always 200, with errors per command; empty arrays are PHP's `[]`."""
        started = time.time()
        with self._world.lock:
            forced = self._portal.switches.forced_error("batch")
        if forced:
            raise RestError(forced.error, forced.description, forced.status)
        cmd = params.get("cmd", {})
        commands = cmd.items() if isinstance(cmd, dict) else ((str(i), item) for i, item in enumerate(_as_list(cmd)))
        halt = str(params.get("halt", 0)) not in {"0", "", "False", "false"}
        answers, errors = self._run_commands(list(commands), halt=halt)
        self._log_call("batch", {"cmd": len(answers) + len(errors), "halt": halt}, started, None, inner=False)
        parts = {
            "result": {key: answer["result"] for key, answer in answers.items()},
            "result_error": errors,
            "result_total": {key: answer["total"] for key, answer in answers.items() if "total" in answer},
            "result_next": {key: answer["next"] for key, answer in answers.items() if "next" in answer},
            "result_time": {key: answer["time"] for key, answer in answers.items()},
        }
        result = {key: phpform.list_or_mapping(value) for key, value in parts.items()}
        return {"result": result, "time": time_block(started, None)}

    def _run_commands(
        self, commands: list[tuple[str, object]], *, halt: bool
    ) -> tuple[dict[str, dict[str, Any]], dict[str, object]]:
        answers: dict[str, dict[str, Any]] = {}
        results: dict[str, object] = {}
        errors: dict[str, object] = {}
        for position, (key, command) in enumerate(commands):
            try:
                if position >= _BATCH_LENGTH:
                    raise RestError("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded")
                answers[key] = self._run_command(str(command), results)
            except RestError as error:
                errors[key] = error.to_json()
                if halt:
                    break
            else:
                results[key] = answers[key]["result"]
        return answers, errors

    def _run_command(self, command: str, results: dict[str, object]) -> dict[str, Any]:
        name, _, query = command.partition("?")
        name = name.lower().removesuffix(".json")
        if name in _NOT_IN_BATCH:
            raise RestError("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage", 405)
        params = {key: _insert_results(value, results) for key, value in phpform.decode_form(query).items()}
        return self.run_method(name, params, inner=True)

    def _call_method(self, name: str, params: dict[str, object], now: float) -> object:
        forced = self._portal.switches.forced_error(name, params)
        if forced:
            raise RestError(forced.error, forced.description, forced.status)
        if "token" in params:
            raise access_denied("Link check failed")
        table.check_confirmed(self._portal, name)
        method = table.find_method(self._portal, name)
        if not table.is_granted(self._portal, method):
            text = "The request requires higher privileges than provided by the access token"
            raise RestError("insufficient_scope", text, 403)
        limits.check_operating(self._portal, self._running, name, now)
        upper = {key.upper(): value for key, value in params.items() if key.lower() not in _RESERVED}
        try:
            return method.function(Call(self._world, self._portal, self._token, self._user, upper, _page_start(params)))
        finally:
            limits.add_operating_time(self._portal, self._running, name, now, time.time() - now)

    def _log_call(
        self, name: str, params: dict[str, object], started: float, error: RestError | None, *, inner: bool
    ) -> None:
        shown = {key: value for key, value in params.items() if key.lower() not in {"auth", "access_token"}}
        outcome, status = (error.code, error.status) if error else ("ok", 200)
        self._running.rest_log.append(
            RestCall(started, name, shown, outcome, status, self._user.id, time.time() - started, inner)
        )
        self._world.touch()


def _result_fields(result: object) -> dict[str, Any]:
    """Return a method's result as response fields; a list adds its total and where the next page begins."""
    if not isinstance(result, Page):
        return {"result": result}
    return {"result": result.rows, "total": result.total} | ({"next": result.next} if result.next else {})


def _page_start(params: dict[str, object]) -> int:
    value = str(params.get("start", ""))
    return int(value) if value.isdecimal() else 0


def time_block(started: float, operating: limits.Operating | None) -> dict[str, object]:
    """Return the `time` of a response; the outer batch has no operating time."""
    finished = time.time()
    block: dict[str, object] = {
        "start": started,
        "finish": finished,
        "duration": finished - started,
        "processing": finished - started,
        "date_start": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "date_finish": datetime.fromtimestamp(finished, UTC).isoformat(timespec="seconds"),
    }
    if operating:
        block |= {"operating_reset_at": operating.reset_at, "operating": operating.seconds}
    return block


def _as_list(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else []


def _insert_results(value: object, results: dict[str, object]) -> object:
    """Replace `$result[key][field]` with an earlier command's result: why user text must not go into a batch."""
    if isinstance(value, dict):
        return {key: _insert_results(item, results) for key, item in value.items()}
    if isinstance(value, list):
        return [_insert_results(item, results) for item in value]
    return _MACRO.sub(lambda match: _find_value(results, re.findall(r"\[([^\]]*)\]", match[1])), str(value))


def _find_value(node: object, path: list[str]) -> str:
    for step in path:
        if isinstance(node, dict):
            node = node.get(step)
        elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node = node[int(step)]
        else:
            return ""
    return "" if node is None or isinstance(node, dict | list) else str(node)
