"""What can be made to fail on a portal; the table in README.md explains each switch."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase

# What Bitrix24 may do at any time although nothing is wrong with the portal: `strict` sets all of it.
STRICT: Mapping[str, object] = {
    "update_wipes": True,
    "disorder": 0.3,
    "penalty": True,
    "same_token": True,
    "refuse_fired": True,
    "status_by_code": True,
    "same_host_only": True,
    "php_text": True,
    "other_load": 0.5,
}


@dataclass
class MethodError:
    """An error forced on REST methods matching `method` (shell pattern), `times` times; -1 is always.

    `params` narrows it to calls that have all of these parameters. An empty `error` is an error without a code.
    """

    method: str
    error: str
    description: str = ""
    status: int = 400
    times: int = -1
    params: dict[str, str] = field(default_factory=dict)

    def concerns(self, method: str, params: Mapping[str, object]) -> bool:
        """Return whether this call gets the error."""
        given = {name.upper(): str(value) for name, value in params.items()}
        wanted = {name.upper(): value for name, value in self.params.items()}
        return self.times != 0 and fnmatchcase(method, self.method.lower()) and wanted.items() <= given.items()


@dataclass
class Switches:
    """One portal's lasting switches. Fractions are seconds, whole numbers count, everything else is on or off."""

    method_errors: list[MethodError] = field(default_factory=list)
    lapsed_plan: bool = False
    payment_required: bool = False
    not_installed: bool = False
    user_access_error: bool = False
    insufficient_scope: bool = False
    deleted: bool = False
    deleted_status: int = 403
    unavailable: bool = False
    operation_limit: bool = False
    overload: bool = False
    slow: float = 0.0
    slow_command: float = 0.0
    longest_request: float = 60.0
    down: bool = False
    non_json: bool = False
    bucket: bool = True
    enterprise: bool = False
    operating_cost: float = 0.02
    operating_limit: float = 480.0
    update_missing: bool = False
    update_wipes: bool = False
    update_silent: bool = False
    no_author: bool = False
    sent_after: float = 3.0
    row_after: float = 3.0
    modern: bool = True
    system_user: bool = False
    system_user_admin: bool = True
    system_user_early: bool = False
    expire_next: bool = False
    no_composer: bool = False
    event_delay: float = 0.0
    call_delay: float = 0.0
    disorder: float = 0.0
    lose_events: int = 0
    lose_calls: int = 0
    penalty: bool = False
    fresh_ids: bool = False
    picked_again_after: float = 0.0
    same_token: bool = False
    bare_payment: bool = False
    refuse_fired: bool = False
    name_lag: float = 0.0
    oauth_without_port: bool = False
    oauth_elsewhere: bool = False
    https_pages: bool = False
    default_port: bool = False
    http_rest: bool = False
    foreign_ca: bool = False
    status_by_code: bool = False
    same_host_only: bool = False
    confirm_methods: str = ""
    php_text: bool = False
    widget_without_token: bool = False
    other_load: float = 0.0
    daily_limit: int = 0
    sender_lag: float = 0.0
    lapsed_silent: bool = False

    def forced_error(self, method: str, params: Mapping[str, object] | None = None) -> MethodError | None:
        """Return the error forced on this call, if any; decrement its `times`."""
        for item in self.method_errors:
            if item.concerns(method, params or {}):
                item.times -= item.times > 0
                return item
        return None

    def take_loss(self, kind: str) -> bool:
        """Return whether the next "event" or "call" is lost on the way; count it."""
        name = "lose_events" if kind == "event" else "lose_calls"
        left = int(getattr(self, name))
        setattr(self, name, left - (left > 0))
        return left != 0

    def make_strict(self) -> None:
        """Set all of `STRICT`."""
        for name, value in STRICT.items():
            self.set(name, value)

    def set(self, name: str, value: object) -> None:
        """Set one switch from its JSON value; raise KeyError for a wrong name, TypeError for a wrong value."""
        if name == "method_errors":
            if not isinstance(value, list):
                raise TypeError(name)
            self.method_errors = [MethodError(**item) for item in value]
            return
        kinds = {item.name: type(getattr(self, item.name)) for item in fields(self)}
        if kinds[name] is float and isinstance(value, int | float):
            setattr(self, name, float(value))
        elif kinds[name] is type(value):
            setattr(self, name, value)
        else:
            raise TypeError(name)
