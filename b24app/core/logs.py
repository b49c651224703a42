"""Structured logs: one line an event, names of things by our own ids, never a secret, a number or a text."""

import logging.config
import sys
import threading
import time
from collections.abc import MutableMapping
from typing import Any

import structlog

log = structlog.get_logger(__name__)


def without_traceback_values(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep the kind of an exception and where it was raised; its words may quote a secret or a text."""
    error = _error(event.pop("exc_info", None))
    if error is not None:
        event["error"] = type(error).__name__
        event["at"] = _frames(error)
    return event


def without_quotes(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep a third party's message as its template: what fills it, and an error's words, may quote anything."""
    record, error = event["_record"], _error(event.get("exc_info"))
    message = record.msg
    event["at"] = [_place(record.pathname, record.lineno)]  # templates alone say little; an error's own places win
    if isinstance(message, BaseException):
        event["event"] = type(message).__name__
    elif error is not None and str(error) and str(error) in str(message):
        event["event"] = type(error).__name__
    return event


class OnceAMinute(logging.Filter):
    """Lets one line of a logger through in a minute."""

    next_at = 0.0

    def filter(self, _record: logging.LogRecord) -> bool:
        """Return whether a minute has passed since the last line."""
        now = time.monotonic()
        due = now >= self.next_at
        if due:
            self.next_at = now + 60
        return due


def thread_broke(broken: threading.ExceptHookArgs) -> None:
    """Python itself would print the words of an exception that ends a thread."""
    log.critical("thread_broke", exc_info=broken.exc_value)


def _error(info: Any) -> BaseException | None:
    found = sys.exc_info()[1] if info is True else info[1] if isinstance(info, tuple) else info
    return found if isinstance(found, BaseException) else None


def _frames(error: BaseException) -> list[str]:
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append(_place(trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return places[-8:]


def _place(file: str, line: int) -> str:
    return f"{'/'.join(file.rsplit('/', 2)[-2:])}:{line}"


def configure(form: str, level: str) -> None:
    """Set up logging for the process; `form` is `json` for machines or `console` for people."""
    threading.excepthook = thread_broke
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_traceback_values,
    ]
    renderer = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "use_get_message": False,
                    "foreign_pre_chain": [without_quotes, *shared],
                    "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
                }
            },
            "filters": {"once_a_minute": {"()": OnceAMinute}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                # What they quote is put together before it reaches us: addresses, and ours carry signatures.
                "django.server": {"level": "CRITICAL"},
                "waitress": {"level": "CRITICAL"},
                # Any stranger can send a wrong Host as often as they like; to an operator one line says as much.
                "django.security.DisallowedHost": {"filters": ["once_a_minute"]},
                # Only what broke; a refused call is no event.
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
