"""messageservice.sender.*, in the order in which the portal's source checks (docs/bitrix24.md D.1 to D.4)."""

import time

from b24app.sandbox.rest.call import CODE_PATTERN, Call, Method, check_handler, is_empty
from b24app.sandbox.rest.errors import RestError
from b24app.sandbox.state import Sender

_MAX_CODE, _MAX_HANDLER, _MAX_NAME, _MAX_DESCRIPTION = 128, 1000, 500, 1000


def validation_error(text: str) -> RestError:
    """Return the error that all validation rules share."""
    return RestError("ERROR_SENDER_VALIDATION_FAILURE", text)


def read_code(call: Call) -> str:
    """Return CODE after checking its syntax; it need not exist."""
    code = call.text("CODE")
    if is_empty(code):
        raise validation_error("Empty sender code!")
    if not CODE_PATTERN.fullmatch(code):
        raise validation_error("Wrong sender code!")
    return code


def add_sender(call: Call) -> object:
    """Handle messageservice.sender.add."""
    call.need_application()
    call.need_admin()
    if not call.params:
        raise validation_error("Empty data!")
    code = read_code(call)
    handler, kind = call.text("HANDLER"), call.params.get("TYPE")
    check_handler(call, handler)
    if is_empty(call.params.get("NAME")):
        raise validation_error("Empty sender NAME!")
    if is_empty(kind):
        raise validation_error("Empty sender message TYPE!")
    if kind != "SMS":
        raise validation_error("Unknown sender message TYPE!")
    if code in call.senders:
        raise RestError("ERROR_SENDER_ALREADY_INSTALLED", "Sender already installed!")
    if len(code) > _MAX_CODE or len(handler) > _MAX_HANDLER:
        raise RestError("ERROR_SENDER_ADD_FAILURE", "Sender save error!")
    names = _by_language(call.params["NAME"], _MAX_NAME)
    call.portal.first_sender_at = call.portal.first_sender_at or time.time()
    call.senders[code] = Sender(code, "SMS", handler, names, _read_descriptions(call))
    return True


def update_sender(call: Call) -> object:
    """Handle messageservice.sender.update; TYPE cannot change."""
    call.need_application()
    call.need_admin()
    code = call.text("CODE")
    if is_empty(code):
        raise RestError("ERROR_SENDER_CODE_REQUIRED", "CODE is required!")
    if all(is_empty(call.params.get(name)) for name in ("HANDLER", "NAME", "DESCRIPTION")):
        raise RestError("ERROR_SENDER_OTHER_PARAMS_REQUIRED", "At least one other parameter is required!")
    sender = call.senders.get(code)
    if sender is None:
        raise RestError("ERROR_SENDER_NOT_FOUND", "Sender not found!")
    handler = call.text("HANDLER")
    if handler:
        check_handler(call, handler)
    if len(handler) > _MAX_HANDLER:
        raise RestError("ERROR_SENDER_UPDATE_FAILURE", "Sender update error!")
    sender.handler = handler or sender.handler
    if not is_empty(call.params.get("NAME")):
        sender.names = _by_language(call.params["NAME"], _MAX_NAME)
    if not is_empty(call.params.get("DESCRIPTION")):
        sender.descriptions = _by_language(call.params["DESCRIPTION"], _MAX_DESCRIPTION)
    return True


def list_codes(call: Call) -> object:
    """Handle messageservice.sender.list, which returns codes only."""
    call.need_application()
    call.need_admin()
    return list(call.senders)


def delete_sender(call: Call) -> object:
    """Handle messageservice.sender.delete."""
    call.need_application()
    call.need_admin()
    code = read_code(call)
    if code not in call.senders:
        raise RestError("ERROR_SENDER_NOT_FOUND", "Sender not found!")
    del call.senders[code]
    return True


def _read_descriptions(call: Call) -> dict[str, str]:
    # A plain DESCRIPTION beside a NAME by language is lost (docs/bitrix24.md D.1, localisation).
    value = call.params.get("DESCRIPTION")
    if is_empty(value) or (isinstance(call.params["NAME"], dict) and not isinstance(value, dict)):
        return {}
    return _by_language(value, _MAX_DESCRIPTION)


def _by_language(value: object, limit: int) -> dict[str, str]:
    """Return one row per language; `**` is the first entry. Rows that do not fit the table are dropped silently."""
    if isinstance(value, list):
        value = {str(index): item for index, item in enumerate(value)}
    if not isinstance(value, dict):
        return {"**": str(value)} if len(str(value)) <= limit else {}
    rows = {"**": str(next(iter(value.values()))), **{str(key).lower(): str(text) for key, text in value.items()}}
    return {key: text for key, text in rows.items() if len(key) == 2 and len(text) <= limit}


METHODS = {
    "messageservice.sender.add": Method("messageservice", add_sender),
    "messageservice.sender.update": Method("messageservice", update_sender),
    "messageservice.sender.list": Method("messageservice", list_codes),
    "messageservice.sender.delete": Method("messageservice", delete_sender),
}
