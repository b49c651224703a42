"""Time as the simulation has it: it passes as everywhere, and is set ahead between two steps."""

import datetime as dates
import sys
import time
from collections.abc import Callable
from typing import Any

DAY, HOUR = 86_400.0, 3_600.0


class _AnyDatetime(type):
    def __instancecheck__(cls, one: object) -> bool:
        return isinstance(one, dates.datetime)


class _Datetime(dates.datetime, metaclass=_AnyDatetime):
    """`datetime` with a `now` that asks `time.time`; what it makes are plain ones."""

    def __new__(cls, *given: Any, **named: Any) -> dates.datetime:  # type: ignore[misc]
        return dates.datetime(*given, **named)  # noqa: DTZ001 - with whatever zone it was given

    @classmethod
    def now(cls, tz: dates.tzinfo | None = None) -> dates.datetime:  # type: ignore[override]
        return dates.datetime.fromtimestamp(time.time(), tz)


class Clock:
    """Both clocks of this process, for good: it ends with the simulation."""

    def __init__(self, start: float, on_jump: Callable[[float], None]) -> None:
        self._time, self._monotonic = time.time, time.monotonic
        self._ahead, self._jumped = start - time.time(), 0.0
        self._on_jump = on_jump

    def install(self) -> None:
        """Replace the clocks; the modules of the house must have been imported by now."""
        time.time, time.monotonic = self.now, self._since_start
        for name, module in list(sys.modules.items()):
            ours = name.startswith(("b24app.", "providers.")) or name == "django.utils.timezone"
            if ours and vars(module).get("datetime") is dates.datetime:
                module.datetime = _Datetime  # type: ignore[attr-defined]

    def now(self) -> float:
        return self._time() + self._ahead

    def jump_to(self, moment: float) -> None:
        """Set the clocks ahead; do nothing where the time has come already."""
        seconds = moment - self.now()
        if seconds > 0:
            self._ahead += seconds
            self._jumped += seconds
            self._on_jump(seconds)

    def _since_start(self) -> float:
        return self._monotonic() + self._jumped
