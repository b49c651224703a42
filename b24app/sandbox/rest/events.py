"""event.bind, event.unbind, event.get and events (docs/bitrix24.md F.3)."""

from b24app.sandbox.rest.call import Call, Method, check_handler
from b24app.sandbox.rest.errors import RestError, access_denied
from b24app.sandbox.state import EventHandler

EVENTS = (
    "ONAPPINSTALL",
    "ONAPPUNINSTALL",
    "ONAPPUPDATE",
    "ONAPPPAYMENT",
    "ONAPPTEST",
    "ONAPPMETHODCONFIRM",
    "ONSUBSCRIPTIONRENEW",
    "ONOFFLINEEVENT",
    "ONUSERADD",
    "ONCRMCONTACTADD",
    "ONCRMCONTACTUPDATE",
    "ONIMCONNECTORMESSAGEADD",
)


def bind_event(call: Call) -> object:
    """Handle event.bind, online events only; any user may, but another user's `auth_type` needs an administrator."""
    call.need_application()
    event, handler = call.text("EVENT").upper(), call.text("HANDLER")
    if event not in EVENTS:
        raise RestError("ERROR_EVENT_NOT_FOUND", "Event not found")
    check_handler(call, handler)
    user_id = call.number("AUTH_TYPE")
    if user_id not in {0, call.user.id} and not call.user.admin:
        raise access_denied("AUTH_TYPE")
    if any((item.event, item.handler, item.auth_type) == (event, handler, user_id) for item in _own_handlers(call)):
        raise RestError("ERROR_CORE", "Unable to set event handler: Handler already binded")
    call.portal.handlers.append(EventHandler(call.portal.next_id(), event, handler, user_id, owner=call.owner))
    return True


def unbind_event(call: Call) -> object:
    """Handle event.unbind: return how many handlers were removed."""
    call.need_application()
    event, handler = call.text("EVENT").upper(), call.text("HANDLER")
    gone = [item for item in _own_handlers(call) if (item.event, item.handler) == (event, handler)]
    call.portal.handlers = [item for item in call.portal.handlers if item not in gone]
    return {"count": len(gone)}


def list_handlers(call: Call) -> object:
    """Handle event.get."""
    call.need_application()
    return [
        {"event": item.event, "handler": item.handler, "auth_type": item.auth_type, "offline": 0}
        for item in _own_handlers(call)
    ]


def list_events(_call: Call) -> object:
    """Handle events."""
    return list(EVENTS)


def _own_handlers(call: Call) -> list[EventHandler]:
    return [item for item in call.portal.handlers if item.owner == call.owner]


METHODS = {
    "event.bind": Method("", bind_event),
    "event.unbind": Method("", unbind_event),
    "event.get": Method("", list_handlers),
    "events": Method("", list_events),
}
