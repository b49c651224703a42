"""An application that only listens, and a client of the portal's REST."""

from dataclasses import dataclass, field
from typing import Any

import requests
from werkzeug.serving import WSGIRequestHandler
from werkzeug.wrappers import Request, Response

from b24app.sandbox import Portal


@dataclass
class Arrival:
    """One request the application received: bytes as they came, headers by lower-case name."""

    method: str
    url: str
    body: bytes
    headers: dict[str, str]


@dataclass
class Listener:
    """An application that answers every request with `status` and `body`, and remembers it."""

    url: str = ""
    status: int = 200
    body: str = ""
    arrivals: list[Arrival] = field(default_factory=list)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.arrivals.append(Arrival(request.method, request.url, request.get_data(), headers))
        return Response(self.body, self.status, content_type="text/html")(environ, start_response)


@dataclass
class Rest:
    """Calls a portal's REST as the bearer of one token."""

    portal: Portal
    session: requests.Session
    token: str

    def __call__(self, method: str, **params: object) -> tuple[int, Any]:
        """Status and JSON of one call, made as the official SDK makes it: JSON body, no redirects."""
        body = {"auth": self.token, **params}
        answer = self.session.post(self.portal.client_endpoint + method, json=body, allow_redirects=False, timeout=30)
        return answer.status_code, answer.json()

    def error(self, method: str, **params: object) -> tuple[int, str, str]:
        """Status, code and text of a refusal."""
        status, body = self(method, **params)
        return status, body["error"], body["error_description"]


class SilentHandler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - the name is werkzeug's
        """Say nothing."""
