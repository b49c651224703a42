"""Structured logs: one line per event, things named by our own ids, never a secret, a phone number or a text."""

import logging.config
import re
import sys
import threading
import time
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

import structlog

log = structlog.get_logger(__name__)

_TASK = re.compile(r"(b24app|celery)\.[a-z_.]{1,80}")
_TASK_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BROKERS = frozenset({"redis", "rediss", "redis+socket", "sentinel", "unix"})


def drop_traceback_values(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace an exception by its type and where it was raised: its message may quote a secret or a text."""
    error = _exception_of(event.pop("exc_info", None))
    if error is not None:
        event["error"] = type(error).__name__
        event["at"] = _frame_places(error)
    return event


def drop_quoted_values(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Reduce a third party's message to its template: its arguments and an error's message may quote anything."""
    record, error = event["_record"], _exception_of(event.get("exc_info"))
    arguments = event.pop("positional_args", None)
    message = record.msg
    # A template alone says little; an error's own places replace this one.
    event["at"] = [_short_place(record.pathname, record.lineno)]
    if isinstance(message, BaseException):
        event["event"] = type(message).__name__
    elif error is not None and str(error) and str(error) in str(message):
        event["event"] = type(error).__name__
    if record.name.startswith(("celery", "kombu")):
        event.update(_task_and_broker(arguments))
    return event


def _task_and_broker(args: Any) -> dict[str, str]:
    """Return what is no secret of what fills in a line of Celery's: a task's name and id, a broker's address."""
    named = args if isinstance(args, Mapping) else {}
    found = {"task": (_TASK, named.get("name")), "task_id": (_TASK_ID, named.get("id"))}
    told = {key: str(value) for key, (form, value) in found.items() if form.fullmatch(str(value))}
    for value in args if isinstance(args, tuple) else ():
        if isinstance(value, str) and (address := _broker_address(value)):
            told["broker"] = address
    return told


def _broker_address(value: str) -> str:
    """Return scheme, host and port of a broker's address, and neither user nor password; "" if it is none."""
    try:
        parts = urlsplit(value)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}" if parts.scheme in _BROKERS else ""


class OncePerMinute(logging.Filter):
    """Passes one line of a logger per minute."""

    next_at = 0.0

    def filter(self, _record: logging.LogRecord) -> bool:
        """Return whether a minute has passed since the last line."""
        now = time.monotonic()
        due = now >= self.next_at
        if due:
            self.next_at = now + 60
        return due


def log_thread_failure(failure: threading.ExceptHookArgs) -> None:
    """Log an exception that ends a thread; Python itself would print its message."""
    log.critical("thread_failed", exc_info=failure.exc_value)


def _exception_of(info: Any) -> BaseException | None:
    found = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    return found if isinstance(found, BaseException) else None


def _frame_places(error: BaseException) -> list[str]:
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append(_short_place(trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return places[-8:]


def _short_place(file: str, line: int) -> str:
    return f"{'/'.join(file.rsplit('/', 2)[-2:])}:{line}"


def configure_logging(output: str, level: str) -> None:
    """Set up logging for the process; `output` is `json` for machines or `console` for people."""
    threading.excepthook = log_thread_failure
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        drop_traceback_values,
    ]
    renderer = structlog.processors.JSONRenderer() if output == "json" else structlog.dev.ConsoleRenderer(colors=False)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "use_get_message": False,
                    "pass_foreign_args": True,  # taken out again by `drop_quoted_values`
                    "foreign_pre_chain": [drop_quoted_values, *shared],
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                }
            },
            "filters": {"once_per_minute": {"()": OncePerMinute}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                # They format their messages before we see them, with addresses, and ours carry signatures.
                "django.server": {"level": "CRITICAL"},
                "waitress": {"level": "CRITICAL"},
                # Strangers can send a wrong Host as often as they like; one line tells an operator as much.
                "django.security.DisallowedHost": {"filters": ["once_per_minute"]},
                # Only failures of ours; a refused call is no event.
                "django.request": {"level": "ERROR"},
                "django.db.backends": {"level": "INFO"},
                "urllib3": {"level": "ERROR"},
                "celery": {"level": "WARNING"},
                "celery.beat": {"level": "WARNING"},
                "kombu": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
