"""A sandbox portal's state as plain dataclasses; times are unix seconds, statuses those of Bitrix24."""

import secrets
from dataclasses import dataclass, field

from b24app.sandbox.runtime.http_post import Outcome
from b24app.sandbox.switches import Switches

SCOPES = ["messageservice", "placement", "crm", "im", "user_brief", "bizproc", "contact_center", "imopenlines"]
ACCESS_SECONDS = 3600
REFRESH_SECONDS = 180 * 86400
CLEAN_UP_SECONDS = 14 * 86400


@dataclass
class User:
    """An employee, or the application's system user; who is barred may not use the application."""

    id: int
    name: str
    last_name: str
    admin: bool = False
    active: bool = True
    language: str = "en"
    system: bool = False
    time_zone: str = ""
    mobile: str = ""
    work_phone: str = ""
    barred: bool = False


@dataclass
class Token:
    """One access token and the refresh token that came with it (empty if none was issued, or it was used)."""

    access: str
    refresh: str
    user_id: int
    client_id: str
    expires: float
    refresh_expires: float


@dataclass
class Code:
    """An authorization code, valid once, for 30 seconds and for one application (docs/bitrix24.md B.1)."""

    user_id: int
    expires: float
    client_id: str = ""


@dataclass
class Application:
    """The application's row in a portal: `present` after Install, `installed` after installFinish."""

    present: bool = False
    installed: bool = False
    version: int = 1
    status: str = "F"
    token: str = ""
    scope: list[str] = field(default_factory=lambda: list(SCOPES))
    title: str = "Sendline"


@dataclass
class Sender:
    """A registered sender; names and descriptions by language, `**` is the universal one."""

    code: str
    type: str
    handler: str
    names: dict[str, str]
    descriptions: dict[str, str]

    def name(self, language: str, default: str) -> str:
        """Return the name a user reads: in `language`, else the portal's `default`, else the universal one."""
        return self.names.get(language) or self.names.get(default) or self.names.get("**", "")


@dataclass
class StatusChange:
    """One change of a message's status; `by` is `portal` or `rest`."""

    at: float
    status: str
    by: str


@dataclass
class Message:
    """A text a portal sends; the application knows it by `message_id`, the portal finds it from `row_at` on."""

    id: int
    message_id: str
    code: str
    to: str
    text: str
    author: int
    module: str | None
    created: float
    row_at: float
    status: str = "pending"
    note: str = ""
    words: list[StatusChange] = field(default_factory=list)
    calls: list[Outcome] = field(default_factory=list)
    overrides: dict[str, object] = field(default_factory=dict)

    @property
    def handler_status(self) -> int | None:
        """The HTTP status of the latest handler call; None before it and without a response."""
        return self.calls[-1].status if self.calls else None

    def set_status(self, status: str, by: str, at: float) -> None:
        """Set the status as Bitrix24 does: no transition is refused (docs/bitrix24.md D.7)."""
        if self.status != status:
            self.status = status
            self.words.append(StatusChange(at, status, by))


@dataclass
class EventHandler:
    """A bound event; `auth_type` is the user whose token it carries, 0 for the user who caused it.

    `owner` is the client_id of another application, "" is ours.
    """

    id: int
    event: str
    handler: str
    auth_type: int = 0
    calls: list[Outcome] = field(default_factory=list)
    owner: str = ""


@dataclass
class Placement:
    """A bound widget placement; `owner` as in EventHandler."""

    placement: str
    handler: str
    title: str = ""
    description: str = ""
    options: dict[str, object] = field(default_factory=dict)
    lang_all: dict[str, object] = field(default_factory=dict)
    owner: str = ""


@dataclass
class Notification:
    """A system notification to one user; a later one with the same tag replaces it."""

    id: int
    user_id: int
    message: str
    tag: str
    sub_tag: str
    at: float


@dataclass
class TimelineNote:
    """A note by crm.timeline.logmessage.add or crm.timeline.comment.add; a comment has no title."""

    id: int
    entity_type_id: int
    entity_id: int
    title: str
    text: str
    at: float


@dataclass
class RestCall:
    """One REST call or one command of a batch (`inner`): parameters without the token, `ok` or the error code."""

    at: float
    method: str
    params: dict[str, object]
    outcome: str
    status: int
    user_id: int
    seconds: float
    inner: bool = False


@dataclass
class OAuthCall:
    """One question to an OAuth server: `kind` is app.info or the grant_type, `outcome` is `ok` or the error code.

    `client_id` is the application that asked, where it named itself.
    """

    at: float
    kind: str
    outcome: str
    portal: str = ""
    user_id: int = 0
    client_id: str = ""


@dataclass
class Bucket:
    """The leaky bucket of docs/bitrix24.md C.4."""

    level: float = 0.0
    at: float = 0.0


@dataclass
class PortalState:
    """Everything of one portal that is kept between two starts."""

    key: str
    title: str
    host: str
    language: str
    users: dict[int, User]
    member_id: str = field(default_factory=lambda: secrets.token_hex(16))
    former_hosts: list[str] = field(default_factory=list)
    moved_from: str = ""
    moved_at: float = 0.0
    clone_of: str = ""  # the key of the portal whose copy this is
    client_id: str = ""  # with client_secret: of the local application that is used here instead of the sandbox's own
    client_secret: str = ""
    removed_clients: list[str] = field(default_factory=list)  # applications that were uninstalled for this one
    app: Application = field(default_factory=Application)
    tokens: dict[str, Token] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    senders: dict[str, Sender] = field(default_factory=dict)
    first_sender_at: float = 0.0
    sent_today: dict[str, int] = field(default_factory=dict)  # messages by the code of their sender
    other_senders: dict[str, dict[str, Sender]] = field(default_factory=dict)  # of other applications, by client_id
    messages: list[Message] = field(default_factory=list)
    handlers: list[EventHandler] = field(default_factory=list)
    placements: list[Placement] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    timeline: list[TimelineNote] = field(default_factory=list)
    app_options: dict[str, str] = field(default_factory=dict)
    user_options: dict[str, str] = field(default_factory=dict)
    first_runs: list[str] = field(default_factory=list)
    confirmed: dict[str, bool] = field(default_factory=dict)  # what an administrator answered, by method
    switches: Switches = field(default_factory=Switches)
    last_id: int = 0

    def next_id(self) -> int:
        """Return an id nothing else in this portal has."""
        self.last_id += 1
        return self.last_id

    def unbind_all(self) -> list[EventHandler]:
        """Remove our handlers and placements, and nobody else's; return the handlers there were."""
        bound = [item for item in self.handlers if not item.owner]
        self.handlers[:] = [item for item in self.handlers if item.owner]
        self.placements[:] = [item for item in self.placements if item.owner]
        return bound

    def find_message(self, message_id: str, at: float) -> Message | None:
        """Return the latest message of that id whose row exists at that time; the sender's code is ignored (D.5)."""
        found = (m for m in reversed(self.messages) if m.message_id == message_id and m.row_at <= at)
        return next((m for m in found if m.created > at - CLEAN_UP_SECONDS), None)

    def clean_up(self, now: float) -> None:
        """Delete rows that are older than 14 days, as an agent of the portal does (D.8.7)."""
        edge = now - CLEAN_UP_SECONDS
        if self.messages and self.messages[0].created <= edge:
            self.messages[:] = [message for message in self.messages if message.created > edge]


def starting_portals() -> list[PortalState]:
    """Return the two portals every sandbox starts with."""
    alpha = {
        1: User(
            1,
            "Alice",
            "Adams",
            admin=True,
            time_zone="America/New_York",
            mobile="(202) 555-0171",
            work_phone="+12025550172",
        ),
        2: User(2, "Dana", "Dolan", admin=True, language="ru"),
        7: User(7, "Bob", "Brown"),
    }
    return [
        PortalState("alpha", "Alpha Trading", "localhost", "en", alpha),
        PortalState("beta", "Beta Works", "127.0.0.2", "en", {1: User(1, "Charlie", "Clark", admin=True)}),
    ]
