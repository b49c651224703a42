"""One-off switches: what is done once, when it is set; README.md explains each."""

from collections.abc import Callable, Mapping
from typing import Any

from b24app.sandbox.portal import Portal
from b24app.sandbox.state import User

_DAY = 86400.0


def _set_scope(portal: Portal, value: Any) -> None:
    portal.state.app.scope = [str(item) for item in value]


def _employ(portal: Portal, value: Any) -> None:
    number = int(value["id"])
    portal.users[number] = User(number, str(value["name"]), "", admin=bool(value.get("admin")))


ONE_OFF_SWITCHES: Mapping[str, Callable[[Portal, Any], object]] = {
    "strict": lambda portal, _value: portal.switches.make_strict(),
    "expire_tokens": lambda portal, _value: portal.expire_tokens(),
    "revoke_refresh": lambda portal, _value: portal.revoke_refresh(),
    "rename": lambda portal, value: portal.rename(str(value)),
    "move": lambda portal, value: portal.move(str(value)),
    "register_again": lambda portal, _value: portal.register_again(),
    "fire": lambda portal, value: portal.set_user(int(value), active=False),
    "employ": _employ,
    "hire": lambda portal, value: portal.set_user(int(value), active=True),
    "demote": lambda portal, value: portal.set_user(int(value), admin=False),
    "promote": lambda portal, value: portal.set_user(int(value), admin=True),
    "bar": lambda portal, value: portal.set_user(int(value), barred=True),
    "admit": lambda portal, value: portal.set_user(int(value), barred=False),
    "local_application": lambda portal, value: portal.use_local_application(str(value["id"]), str(value["secret"])),
    "language": lambda portal, value: portal.set_user(int(value["user"]), language=str(value["language"])),
    "empty_bucket": lambda portal, _value: portal.empty_bucket(),
    "scope": _set_scope,
    "confirm": lambda portal, value: portal.confirm_method(str(value["method"]), allow=bool(value["allow"])),
    "announce": lambda portal, value: portal.announce_system_user(int(value)),
    "next_day": lambda portal, _value: portal.begin_next_day(),
    "age": lambda portal, value: portal.age_messages(float(value) * _DAY),
}
