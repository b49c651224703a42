"""The sandbox's own calls: form posts to the application's addresses, without redirects, retries or a proxy."""

import http.client
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5.0


@dataclass
class Outcome:
    """The outcome of one call: when (unix seconds), the HTTP status or None with the error's name, its duration."""

    at: float
    status: int | None
    error: str
    seconds: float


def post_once(
    url: str, body: bytes, headers: dict[str, str], ca_file: str, timeout: float = TIMEOUT_SECONDS
) -> Outcome:
    """Send one POST; never raise for network errors. `ca_file` is the authority trusted for https."""
    started = time.time()
    try:
        status = _send_request(url, body, headers, ca_file, timeout)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Outcome(started, None, type(error).__name__, time.time() - started)
    return Outcome(started, status, "", time.time() - started)


def post_form(url: str, body: str, ca_file: str) -> Outcome:
    """Post a form body the way Bitrix24's queue servers do (docs/bitrix24.md E.1)."""
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", "User-Agent": "Bitrix24 Sandbox"}
    return post_once(url, body.encode(), headers, ca_file)


def _send_request(url: str, body: bytes, headers: dict[str, str], ca_file: str, timeout: float) -> int:
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=ca_file)
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()
