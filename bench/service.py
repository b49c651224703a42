"""What the stub knows, asked over its control addresses."""

import json
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any


@dataclass(frozen=True)
class Stub:
    """The ports of the running stub: the SMS service's and the portals'."""

    sms: int
    tls: int

    @property
    def service(self) -> str:
        """The SMS service's address."""
        return f"http://127.0.0.1:{self.sms}"

    @property
    def rest(self) -> str:
        """The portals' REST."""
        return f"https://127.0.0.1:{self.tls}/rest/"

    def counts(self) -> dict[str, float]:
        """Return the accepted and pushed so far, and the calls that took; what never happened is missing."""
        return {str(name): float(value) for name, value in self._ask("GET", "counts").items()}

    def accepted(self) -> dict[str, list[float]]:
        """First moment and number of arrivals of each text."""
        return dict(self._ask("GET", "ledger")["accepted"])

    def told(self) -> dict[str, list[float]]:
        """First moment and number of final words of each message_id."""
        return dict(self._ask("GET", "ledger")["told"])

    def clear(self) -> None:
        """Forget everything; reports still due are dropped."""
        self._ask("POST", "clear")

    def _ask(self, method: str, name: str) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.sms, timeout=30)
        try:
            connection.request(method, f"/_/{name}")
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()
