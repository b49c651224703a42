"""The portal itself, its users and notifications (docs/bitrix24.md I)."""

import time
from datetime import UTC, datetime

from b24app.sandbox.rest.call import Call, Method
from b24app.sandbox.rest.errors import RestError
from b24app.sandbox.state import Notification, User


def get_app_info(call: Call) -> object:
    """Handle app.info of the portal, which differs from the OAuth server's."""
    app = call.portal.app
    return {
        "ID": 1,
        "CODE": call.world.client_of(call.portal),
        "VERSION": app.version,
        "STATUS": app.status,
        "INSTALLED": app.installed,
        "PAYMENT_EXPIRED": "Y" if call.portal.switches.payment_required else "N",
        "DAYS": None,
        "LANGUAGE_ID": call.user.language,
        "LICENSE": "en_enterprise" if call.portal.switches.enterprise else "en_std",
        "LICENSE_TYPE": "enterprise" if call.portal.switches.enterprise else "std",
        "LICENSE_FAMILY": "enterprise" if call.portal.switches.enterprise else "std",
    }


def get_profile(call: Call) -> object:
    """Handle profile."""
    return _name_fields(call.user) | {"ADMIN": call.user.admin, "TIME_ZONE": call.user.time_zone, "PERSONAL_GENDER": ""}


def get_user_admin(call: Call) -> object:
    """Handle user.admin."""
    return call.user.admin


def get_current_user(call: Call) -> object:
    """Handle user.current."""
    return _employee_fields(call.user) | _contact_fields(call)


def get_users(call: Call) -> object:
    """Handle user.get by ID alone: dismissed employees too, never the system user; FILTER replaces other parameters."""
    fields = call.params.get("FILTER")
    upper = {key.upper(): value for key, value in fields.items()} if isinstance(fields, dict) else call.params
    people = [user for _id, user in sorted(call.portal.users.items()) if not user.system]
    if "ID" in upper:
        ids = upper["ID"] if isinstance(upper["ID"], list) else [upper["ID"]]
        people = [user for user in people if str(user.id) in map(str, ids)]
    return call.page([_employee_fields(user) for user in people])


def get_scope(call: Call) -> object:
    """Handle scope: what the application was granted."""
    return list(call.portal.app.scope)


def get_server_time(_call: Call) -> object:
    """Handle server.time."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def add_notification(call: Call) -> object:
    """Handle im.notify.system.add; a later notification with the same TAG replaces the earlier one."""
    if call.number("USER_ID") not in call.portal.users:
        raise RestError("USER_ID_EMPTY", "User ID can't be empty")
    if not call.text("MESSAGE"):
        raise RestError("MESSAGE_EMPTY", "Message can't be empty")
    item = Notification(
        call.portal.next_id(),
        call.number("USER_ID"),
        call.text("MESSAGE"),
        call.text("TAG"),
        call.text("SUB_TAG"),
        time.time(),
    )
    others = [
        old for old in call.portal.notifications if not item.tag or (old.tag, old.user_id) != (item.tag, item.user_id)
    ]
    call.portal.notifications = [*others, item]
    return item.id


def _employee_fields(user: User) -> dict[str, object]:
    return _name_fields(user) | {"ACTIVE": user.active, "USER_TYPE": "employee"}


def _contact_fields(call: Call) -> dict[str, object]:
    """Return contact data, which `user_brief` alone does not show."""
    if not {"user_basic", "user"}.intersection(call.portal.app.scope):
        return {}
    return {"PERSONAL_MOBILE": call.user.mobile, "WORK_PHONE": call.user.work_phone}


def _name_fields(user: User) -> dict[str, object]:
    return {"ID": str(user.id), "NAME": user.name, "LAST_NAME": user.last_name}


_USER_SCOPES = "user_brief user_basic user"

METHODS = {
    "app.info": Method("", get_app_info),
    "profile": Method("", get_profile),
    "user.admin": Method("", get_user_admin),
    "user.current": Method(_USER_SCOPES, get_current_user),
    "user.get": Method(_USER_SCOPES, get_users),
    "scope": Method("", get_scope),
    "server.time": Method("", get_server_time),
    "im.notify.system.add": Method("im", add_notification),
}
