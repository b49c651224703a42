"""Judges requests by an OpenAPI description. Runs in the virtual environment of openapi-core, not in ours.

Reads lines of JSON, `{"description": path, "method", "url", "headers", "body"}`, and answers each with a line of JSON:
a list of what is wrong.
"""

import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from openapi_core import Config, OpenAPI  # type: ignore[import-not-found]
from openapi_core.datatypes import RequestParameters  # type: ignore[import-not-found]
from openapi_core.exceptions import OpenAPIError  # type: ignore[import-not-found]
from werkzeug.datastructures import Headers, ImmutableMultiDict


class Sent:
    """A request as openapi-core wants to see it."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        parts = urlsplit(told["url"])
        self.host_url = f"{parts.scheme}://{parts.netloc}"
        self.path = parts.path
        self.method = told["method"].lower()
        headers = Headers(told["headers"])
        self.content_type = headers.get("Content-Type", "").lower()
        self.body = told["body"].encode() or None
        query = ImmutableMultiDict(parse_qsl(parts.query, keep_blank_values=True))
        self.parameters = RequestParameters(query=query, header=headers)


@cache
def read(path: str) -> Any:
    text = Path(path).read_text(encoding="utf-8")
    described = json.loads(text) if path.endswith(".json") else yaml.safe_load(text)
    # What a description does not name counts as a misspelling; faults of the description itself are not looked for.
    config = Config(spec_validator_cls=None, additional_properties_default_policy="forbid")
    return OpenAPI.from_dict(described, config=config)


def reasons(error: BaseException) -> list[str]:
    """Return the innermost message of an error; the outer ones repeat the whole request."""
    deepest = [f"{'/'.join(map(str, one.absolute_path))}: {one.message}" for one in getattr(error, "schema_errors", ())]
    if deepest:
        return deepest
    return reasons(error.__cause__) if error.__cause__ is not None else [f"{type(error).__name__}: {error}"]


def unknown_fields(described: Any, sent: Sent) -> list[str]:
    """Return the form fields that the description lacks: openapi-core drops them before it validates."""
    if "form-urlencoded" not in sent.content_type:
        return []
    operation = described.request_validator._find_path(sent).operation
    fields = operation / "requestBody" / "content" / "application/x-www-form-urlencoded" / "schema" / "properties"
    names = {name for name, _value in parse_qsl((sent.body or b"").decode(), keep_blank_values=True)}
    return [f": {name} is not described" for name in sorted(names - set(fields.keys()))]


def judge(told: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with a request, [] if nothing is."""
    described, sent = read(told["description"]), Sent(told)
    try:
        found = [reason for error in described.iter_request_errors(sent) for reason in reasons(error)]
        return found + unknown_fields(described, sent)
    except OpenAPIError as error:
        return reasons(error)


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(judge(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
