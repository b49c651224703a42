"""A portal as tests and the control addresses use it: its state, and what can be done to it."""

import time
from typing import Any

from b24app.sandbox import delivery, frames, lifecycle, moves, tokens
from b24app.sandbox.delivery import SendRequest
from b24app.sandbox.events import posting, system_user
from b24app.sandbox.frames import FrameRequest
from b24app.sandbox.state import (
    EventHandler,
    Message,
    Notification,
    Placement,
    PortalState,
    RestCall,
    Sender,
    TimelineNote,
    Token,
    User,
)
from b24app.sandbox.switches import Switches
from b24app.sandbox.world import World


class Portal:
    """A handle on one portal. It shows the live state: read it under `world.lock` where consistency matters."""

    def __init__(self, world: World, state: PortalState) -> None:
        self.world = world
        self.state = state

    # -- state ----------------------------------------------------------------------------------------------------

    @property
    def member_id(self) -> str:
        """32 hex digits."""
        return self.state.member_id

    @property
    def domain(self) -> str:
        """Host and port of the portal's pages."""
        return self.world.domain(self.state)

    @property
    def client_endpoint(self) -> str:
        """The REST address, ending in `/rest/`."""
        return self.world.client_endpoint(self.state)

    @property
    def switches(self) -> Switches:
        """Its lasting switches."""
        return self.state.switches

    @property
    def users(self) -> dict[int, User]:
        """Employees by id."""
        return self.state.users

    @property
    def senders(self) -> dict[str, Sender]:
        """Registered senders by code."""
        return self.state.senders

    @property
    def messages(self) -> list[Message]:
        """Messages, oldest first."""
        return self.state.messages

    @property
    def handlers(self) -> list[EventHandler]:
        """Bound events."""
        return self.state.handlers

    @property
    def placements(self) -> list[Placement]:
        """Bound widgets."""
        return self.state.placements

    @property
    def notifications(self) -> list[Notification]:
        """System notifications, oldest first."""
        return self.state.notifications

    @property
    def timeline(self) -> list[TimelineNote]:
        """Notes on CRM cards, oldest first."""
        return self.state.timeline

    @property
    def tokens(self) -> dict[str, Token]:
        """Tokens by access token."""
        return self.state.tokens

    @property
    def rest_log(self) -> list[RestCall]:
        """REST calls and batch commands since the start, oldest first."""
        with self.world.lock:
            return list(self.world.running[self.state.key].rest_log)

    @property
    def bucket_level(self) -> float:
        """How full the leaky bucket was at the last call."""
        return self.world.running[self.state.key].bucket.level

    # -- messages --------------------------------------------------------------------------------------------------

    def send_sms(
        self, to: str, text: str, code: str, author: int = 1, module: str | None = "crm", **overrides: object
    ) -> Message:
        """Send a text through a sender; see `delivery.SendRequest` for the arguments."""
        return delivery.send_message(self.world, self.state, SendRequest(to, text, code, author, module, overrides))

    def write_sms(self, to: str, text: str, code: str, author: int = 1) -> tuple[Message, str, str]:
        """Store a text without calling the handler; see `delivery.write_message`."""
        return delivery.write_message(self.world, self.state, SendRequest(to, text, code, author))

    def deliver(self, message: Message) -> None:
        """Call the handler again with the same message_id, in the background."""
        delivery.call_handler(self.world, self.state, message)

    def begin_next_day(self) -> int:
        """Hand over what a sender's daily limit deferred; return how many messages."""
        return delivery.begin_next_day(self.world, self.state)

    def message(self, message_id: str) -> Message | None:
        """Return the latest message with that id."""
        return next((item for item in reversed(self.messages) if item.message_id == message_id), None)

    def age_messages(self, seconds: float) -> None:
        """Let time pass for all messages; rows that are too old then are gone."""
        with self.world.lock:
            for message in self.messages:
                message.created -= seconds
                message.row_at -= seconds
            self.state.clean_up(time.time())
        self.world.touch()

    # -- the application's lifecycle -------------------------------------------------------------------------------

    def install(self) -> None:
        """Press Install."""
        lifecycle.install_app(self.world, self.state)

    def install_finish(self, user_id: int = 1) -> None:
        """Do what the frame's setInstallFinish does."""
        lifecycle.finish_install(self.world, self.state, user_id)

    def update(self) -> None:
        """Press Update."""
        lifecycle.update_app(self.world, self.state)

    def uninstall(self, *, clean: bool = False) -> None:
        """Press Uninstall; `clean` is the check box "delete application settings and data"."""
        lifecycle.uninstall_app(self.world, self.state, clean=clean)

    def use_local_application(self, client_id: str, client_secret: str) -> None:
        """Add a local application, and use it here from now on instead of the sandbox's own.

        Where that has been uninstalled before, its tokens stay known as those of an application that is not there.
        """
        with self.world.lock:
            if self.state.app.token and not self.state.app.present:
                self.state.removed_clients.append(self.world.client_of(self.state))
            self.state.client_id, self.state.client_secret = client_id, client_secret
            self.state.app.status = "L"
        self.world.touch()

    def reinstall(self) -> None:
        """Remove and install again at once, with new tokens and the same client_id."""
        self.uninstall()
        self.install()

    def confirm_method(self, method: str, *, allow: bool = True) -> int:
        """Answer the request to confirm a method, as an administrator; return how many handlers hear of it."""
        self.state.confirmed[method] = allow
        data: dict[str, object] = {"TOKEN": "", "METHOD": method, "CONFIRMED": int(allow), "LANGUAGE_ID": "en"}
        return self.fire("ONAPPMETHODCONFIRM", data)

    def announce_system_user(self, installer: int = 1) -> None:
        """Send ONAPPUSERREADY, again if need be: the portal has created or reactivated its system user."""
        system_user.announce_system_user(self.world, self.state, installer)

    def fire(self, event: str, data: dict[str, object] | None = None, user_id: int = 0) -> int:
        """Send an event to its handlers; return how many there were."""
        return posting.fire_event(self.world, self.state, event, data or {}, user_id)

    def frame(
        self,
        user: int = 1,
        placement: str = "DEFAULT",
        options: dict[str, Any] | None = None,
        *,
        install: bool | None = None,
    ) -> dict[str, Any]:
        """Return what the portal page would post into the frame; see `frames.open_frame`."""
        return frames.open_frame(self.world, self.state, FrameRequest(user, placement, options, install))

    # -- tokens and users ------------------------------------------------------------------------------------------

    def issue_code(self, user_id: int = 1) -> str:
        """Return a new authorization code."""
        return tokens.issue_code(self.world, self.state, user_id)

    def issue_token(self, user_id: int = 1, client_id: str = "") -> Token:
        """Return a new token; `client_id` of another application, or "webhook" for one without application context."""
        return tokens.issue_token(self.world, self.state, user_id, client_id=client_id)

    def expire_tokens(self) -> None:
        """Expire all access tokens; refresh tokens stay valid."""
        with self.world.lock:
            for token in self.state.tokens.values():
                token.expires = time.time() - 1
        self.world.touch()

    def revoke_refresh(self) -> None:
        """Revoke all refresh tokens (invalid_grant)."""
        with self.world.lock:
            for token in self.state.tokens.values():
                token.refresh = ""
        self.world.touch()

    def set_user(self, user_id: int, **changes: Any) -> None:
        """Fire (`active=False`), demote (`admin=False`) or change the `language` of a user."""
        with self.world.lock:
            for name, value in changes.items():
                setattr(self.state.users[user_id], name, value)
        self.world.touch()

    def rename(self, host: str) -> None:
        """Move to another of the hosts 127.0.0.2 to 127.0.0.60; the old one redirects with 302."""
        moves.move_portal(self.world, self.state, host, redirects=True)

    def move(self, host: str) -> None:
        """Move like `rename`, but leave nothing at the old host that redirects."""
        moves.move_portal(self.world, self.state, host, redirects=False)

    def clone(self, key: str, host: str) -> "Portal":
        """Return a restored copy of this box at another host, with the same member_id and tokens."""
        return Portal(self.world, moves.clone_portal(self.world, self.state, key, host))

    def register_again(self) -> None:
        """Register the box anew: another member_id, no tokens."""
        moves.register_again(self.world, self.state)

    def empty_bucket(self) -> None:
        """Empty the leaky bucket, as if nobody had called for a while."""
        with self.world.lock:
            self.world.running[self.state.key].bucket.level = 0.0
