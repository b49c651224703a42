"""The table of all REST methods of a portal, and the methods that describe it."""

from fnmatch import fnmatchcase

from b24app.sandbox.rest import basics, crm, crm_lists, events, messages, placements, senders
from b24app.sandbox.rest.call import Call, Method
from b24app.sandbox.rest.errors import RestError, method_not_found
from b24app.sandbox.state import PortalState


def find_method(portal: PortalState, name: str) -> Method:
    """Return the method of that name; raise ERROR_METHOD_NOT_FOUND."""
    method = METHODS.get(name)
    if method is None or (portal.switches.update_missing and name == "messageservice.sender.update"):
        raise method_not_found()
    return method


def check_confirmed(portal: PortalState, name: str) -> None:
    """Refuse a method that an administrator has to confirm and has not (docs/bitrix24.md B.3)."""
    if not fnmatchcase(name, portal.switches.confirm_methods):
        return
    if name not in portal.confirmed:
        raise RestError("METHOD_CONFIRM_WAITING", "Waiting for confirmation", 401)
    if not portal.confirmed[name]:
        raise RestError("METHOD_CONFIRM_DENIED", "Method call denied", 403)


def is_granted(portal: PortalState, method: Method) -> bool:
    """Return whether the application's scope covers the method."""
    if not method.scope:
        return True
    return not portal.switches.insufficient_scope and not set(portal.app.scope).isdisjoint(method.scope.split())


def _describe_method(call: Call) -> object:
    name = call.text("NAME").lower()
    method = METHODS.get(name)
    missing = method is None or (call.portal.switches.update_missing and name == "messageservice.sender.update")
    return {
        "isExisting": not missing,
        "isAvailable": not missing and method is not None and is_granted(call.portal, method),
    }


def _list_methods(call: Call) -> object:
    return [name for name, method in METHODS.items() if is_granted(call.portal, method)]


METHODS: dict[str, Method] = {
    **basics.METHODS,
    **crm.METHODS,
    **crm_lists.METHODS,
    **events.METHODS,
    **messages.METHODS,
    **placements.METHODS,
    **senders.METHODS,
    "method.get": Method("", _describe_method),
    "methods": Method("", _list_methods),
}
