"""placement.bind, placement.unbind, placement.get and placement.list (docs/bitrix24.md I)."""

from b24app.sandbox.crm import SMART_PROCESSES
from b24app.sandbox.rest.call import Call, Method, check_handler
from b24app.sandbox.rest.errors import RestError
from b24app.sandbox.state import Placement

_ENTITIES = (
    "LEAD",
    "DEAL",
    "CONTACT",
    "COMPANY",
    "QUOTE",
    "SMART_INVOICE",
    *(f"DYNAMIC_{type_id}" for type_id in SMART_PROCESSES),
)
_PLACES = ("DETAIL_TAB", "DETAIL_ACTIVITY", "ACTIVITY_TIMELINE_MENU", "LIST_MENU", "LIST_TOOLBAR", "DETAIL_TOOLBAR")
PLACEMENTS = (
    "REST_APP_URI",
    "LEFT_MENU",
    "CONTACT_CENTER",
    "PAGE_BACKGROUND_WORKER",
    *(f"CRM_{entity}_{place}" for entity in _ENTITIES for place in _PLACES),
)
_BY_USER = ("LEFT_MENU", "PAGE_BACKGROUND_WORKER")  # may be bound for one user alone
_ONCE = ("REST_APP_URI", "PAGE_BACKGROUND_WORKER")


def bind_placement(call: Call) -> object:
    """Handle placement.bind; several of its errors come with HTTP 200."""
    call.need_application()
    call.need_admin()
    place, handler = call.text("PLACEMENT").upper(), call.text("HANDLER")
    if place == "DEFAULT":  # the application's own page
        raise RestError("ERROR_ARGUMENT", "Wrong value")
    if place not in PLACEMENTS or (call.portal.switches.no_composer and place.endswith("_DETAIL_ACTIVITY")):
        raise RestError("ERROR_PLACEMENT_NOT_FOUND", "Placement not found")
    if not handler:
        raise RestError("EMPTY_ERROR_HANDLER_URL", "Handler URL is empty", 200)
    check_handler(call, handler)
    if not (call.text("TITLE") or call.params.get("LANG_ALL")):
        raise RestError("ERROR_ARGUMENT", "Argument 'TITLE' is null or empty")
    if call.number("USER_ID") and place not in _BY_USER:
        raise RestError("ERROR_PLACEMENT_USER_MODE", "User mode is not available for this placement", 200)
    bound = [item for item in _own_placements(call) if item.placement == place]
    if any(item.handler == handler for item in bound):
        raise RestError("ERROR_CORE", "Unable to set placement handler: Handler already binded")
    if bound and place in _ONCE:
        raise RestError("ERROR_PLACEMENT_MAX_COUNT", "Placement max count", 200)
    call.portal.placements.append(
        Placement(
            place,
            handler,
            call.text("TITLE"),
            call.text("DESCRIPTION"),
            _as_mapping(call.params.get("OPTIONS")),
            _as_mapping(call.params.get("LANG_ALL")),
            call.owner,
        )
    )
    return True


def unbind_placement(call: Call) -> object:
    """Handle placement.unbind: return how many were removed; without HANDLER all of that placement."""
    call.need_application()
    call.need_admin()
    place, handler = call.text("PLACEMENT").upper(), call.text("HANDLER")
    gone = [p for p in _own_placements(call) if p.placement == place and (not handler or p.handler == handler)]
    call.portal.placements = [item for item in call.portal.placements if item not in gone]
    return {"count": len(gone)}


def list_bound_placements(call: Call) -> object:
    """Handle placement.get."""
    call.need_application()
    return [
        {
            "placement": item.placement,
            "userId": 0,
            "handler": item.handler,
            "options": item.options or [],
            "title": item.title,
            "description": item.description,
            "langAll": item.lang_all or [],
        }
        for item in _own_placements(call)
    ]


def list_placements(_call: Call) -> object:
    """Handle placement.list."""
    return list(PLACEMENTS)


def _own_placements(call: Call) -> list[Placement]:
    return [item for item in call.portal.placements if item.owner == call.owner]


def _as_mapping(value: object) -> dict[str, object]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


METHODS = {
    "placement.bind": Method("placement", bind_placement),
    "placement.unbind": Method("placement", unbind_placement),
    "placement.get": Method("placement", list_bound_placements),
    "placement.list": Method("placement", list_placements),
}
