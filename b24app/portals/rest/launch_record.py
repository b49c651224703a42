"""Recording who opened which page, once Bitrix24 has confirmed who it is: a stranger's form leaves no row."""

import time
from collections.abc import Mapping

from b24app.portals.identity import Launch, verify_launch
from b24app.portals.rest import exchange_records


class LaunchRecord:
    """One opening of the page at `path`."""

    def __init__(self, path: str) -> None:
        self._path, self._started = path, time.monotonic()
        self._launch: Launch | None = None

    def verify(self, query: Mapping[str, str], form: Mapping[str, str], *, at_installer: bool = False) -> Launch:
        """Return who opens the page; raise what `verify_launch` raises."""
        self._launch = verify_launch(query, form, at_installer=at_installer)
        return self._launch

    def save(self, status: int, error: str) -> None:
        """Record how the opening was answered, if somebody was confirmed."""
        if self._launch is None:
            return
        notes = {"USER": self._launch.user_id, "PLACEMENT": self._launch.placement}
        milliseconds = round((time.monotonic() - self._started) * 1000)
        exchange_records.record_launch(self._launch.portal, self._path, notes, status, milliseconds, error)
