"""Routing of the SMS port; `/` shows what arrived, `/_/…` is the control."""

import dataclasses

from werkzeug.wrappers import Request, Response

from b24app.sandbox.runtime.web import json_body, json_response
from b24app.sandbox.sites import serve_static
from b24app.sandbox.sms import gateway, twilio
from b24app.sandbox.sms.state import Ledger


def serve_sms(ledger: Ledger, request: Request) -> Response:
    """Serve one request on the SMS port."""
    path = request.path
    if path.startswith(twilio.PREFIX):
        return twilio.serve_twilio(ledger, request)
    if path.startswith(gateway.PREFIX):
        return gateway.serve_gateway(ledger, request)
    if path.startswith("/static/sandbox/"):
        return serve_static(request, path.removeprefix("/static/sandbox/"))
    if path.startswith("/_/"):
        return _serve_control(ledger, request, path.removeprefix("/_/").strip("/"))
    return serve_static(request, "sms.html") if path == "/" else Response("There is no such page.", 404)


def _serve_control(ledger: Ledger, request: Request, name: str) -> Response:
    if name == "ledger":
        return json_response({"ledger": ledger.entries(request.args.get("last", 0, int))})
    if name == "inbox":
        return json_response({"inbox": [entry for entry in ledger.entries() if entry["status"] == "delivered"]})
    if name == "troubles":
        return json_response({"troubles": [dataclasses.asdict(one) for one in list(ledger.troubles)]})
    if name in {"clear", "refuse"} and request.method == "POST":
        return _run_action(ledger, request, name)
    if name != "switches":
        return json_response({"error": "no such address"}, 404)
    return _serve_switches(ledger, request)


def _run_action(ledger: Ledger, request: Request, name: str) -> Response:
    if name == "clear":
        ledger.clear()
    elif ledger.refuse_connections:
        ledger.refuse_connections(float(json_body(request).get("seconds", 1.0)))
    return json_response({})


def _serve_switches(ledger: Ledger, request: Request) -> Response:
    try:
        for key, value in json_body(request).items():
            ledger.switches.set(key, value)
    except TypeError as error:
        return json_response({"error": f"not a switch, or not its kind of value: {error}"}, 400)
    ledger.touch()
    return json_response(dataclasses.asdict(ledger.switches))
