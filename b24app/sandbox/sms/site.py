"""Which address of the SMS port is answered by whom; `/` shows what arrived, `/_/…` is the control."""

import dataclasses

from werkzeug.wrappers import Request, Response

from b24app.sandbox.sites import static_file
from b24app.sandbox.sms import gateway, twilio
from b24app.sandbox.sms.state import Ledger
from b24app.sandbox.web import answer, json_body


def serve(ledger: Ledger, request: Request) -> Response:
    """Answer one request on the SMS port."""
    path = request.path
    if path.startswith(twilio.PREFIX):
        return twilio.serve(ledger, request)
    if path.startswith(gateway.PREFIX):
        return gateway.serve(ledger, request)
    if path.startswith("/static/sandbox/"):
        return static_file(request, path.removeprefix("/static/sandbox/"))
    if path.startswith("/_/"):
        return _control(ledger, request, path.removeprefix("/_/").strip("/"))
    return static_file(request, "sms.html") if path == "/" else Response("There is no such page.", 404)


def _control(ledger: Ledger, request: Request, name: str) -> Response:
    if name == "ledger":
        return answer({"ledger": ledger.entries(request.args.get("last", 0, int))})
    if name == "inbox":
        return answer({"inbox": [entry for entry in ledger.entries() if entry["status"] == "delivered"]})
    if name == "troubles":
        return answer({"troubles": [dataclasses.asdict(one) for one in list(ledger.troubles)]})
    if name in {"clear", "refuse"} and request.method == "POST":
        return _deed(ledger, request, name)
    if name != "switches":
        return answer({"error": "no such address"}, 404)
    return _switches(ledger, request)


def _deed(ledger: Ledger, request: Request, name: str) -> Response:
    if name == "clear":
        ledger.clear()
    elif ledger.refuse:
        ledger.refuse(float(json_body(request).get("seconds", 1.0)))
    return answer({})


def _switches(ledger: Ledger, request: Request) -> Response:
    try:
        for key, value in json_body(request).items():
            ledger.switches.set(key, value)
    except TypeError as error:
        return answer({"error": f"not a switch, or not its kind of value: {error}"}, 400)
    ledger.touch()
    return answer(dataclasses.asdict(ledger.switches))
