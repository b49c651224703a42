"""Sending from a portal: the handler call and the statuses the portal sets by itself (docs/bitrix24.md D.8, E)."""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from b24app.sandbox import phpform, tokens
from b24app.sandbox.events import event_server
from b24app.sandbox.events.event_server import Delivery
from b24app.sandbox.runtime.http_post import Outcome
from b24app.sandbox.state import Message, PortalState, Sender
from b24app.sandbox.world import World

_MAX_MESSAGES = 20_000


@dataclass
class SendRequest:
    """A text that an employee, a robot or a campaign sends.

    `author` 0 is none, `module` is the origin (crm, bizproc, sender, None). `overrides` replaces top-level fields of
    the handler call: None removes a field, a mapping is merged into one.
    """

    to: str
    text: str
    code: str
    author: int = 1
    module: str | None = "crm"
    overrides: dict[str, object] = field(default_factory=dict)


def send_message(world: World, portal: PortalState, request: SendRequest) -> Message:
    """Store a message and call the handler in the background."""
    message, sender = _store_message(world, portal, request)
    if sender:
        _deliver_message(world, portal, message, sender)
    return message


def write_message(world: World, portal: PortalState, request: SendRequest) -> tuple[Message, str, str]:
    """Store a message the caller will deliver; return it with the handler's address and the form to post there.

    Raise LookupError where the portal would not call a handler.
    """
    message, sender = _store_message(world, portal, request)
    if sender is None:
        raise LookupError(message.note or message.status)
    message.message_id = message.message_id or _make_id(message)
    world.background.run_later(portal.switches.sent_after, partial(_mark_sent, world, message))
    return message, sender.handler, phpform.encode_form(build_payload(world, portal, message, message.message_id))


def _store_message(world: World, portal: PortalState, request: SendRequest) -> tuple[Message, Sender | None]:
    """Store a message; return it with the sender whose handler is called now, None where none is."""
    with world.lock:
        message = _new_message(portal, request)
        portal.clean_up(message.created)
        portal.messages.append(message)
        del portal.messages[:-_MAX_MESSAGES]
        message.note = _find_obstacle(portal, message)
        if message.note:
            message.set_status("error", "portal", message.created)
        elif not _is_within_limit(portal, message):
            message.set_status("deferred", "portal", message.created)
        sender = portal.senders[message.code] if message.status == "pending" else None
    world.touch()
    return message, sender


def _find_obstacle(portal: PortalState, message: Message) -> str:
    """Return why a message fails inside the portal, of which the application never hears (D.1, D.8.8); "" for nothing.

    A portal that never had a sender remembers that for a while (`sender_lag`).
    """
    if message.code not in portal.senders or not portal.app.present:
        return "Message sending application is not registered or was uninstalled"
    if portal.switches.payment_required:
        return "App was not paid"
    is_known = message.created >= portal.first_sender_at + portal.switches.sender_lag
    return "" if is_known else "There are no senders"


def _is_within_limit(portal: PortalState, message: Message) -> bool:
    """Return whether the sender's daily limit leaves room for this message, which takes it (D.8.6)."""
    limit, sent = portal.switches.daily_limit, portal.sent_today.get(message.code, 0)
    if limit and sent >= limit:
        return False
    portal.sent_today[message.code] = sent + 1
    return True


def begin_next_day(world: World, portal: PortalState) -> int:
    """Begin a day: hand over, all at once, what was deferred and is within the limit now; return how many."""
    with world.lock:
        portal.sent_today.clear()
        waiting = [item for item in portal.messages if item.status == "deferred" and item.code in portal.senders]
        due = [message for message in waiting if _is_within_limit(portal, message)]
        for message in due:
            message.set_status("pending", "portal", time.time())
            _deliver_message(world, portal, message, portal.senders[message.code])
    world.touch()
    return len(due)


def call_handler(world: World, portal: PortalState, message: Message) -> None:
    """Call the handler again with the same message_id (docs/bitrix24.md D.8.5); raise KeyError without a sender."""
    _hand_over(world, portal, message, portal.senders[message.code])


def build_payload(world: World, portal: PortalState, message: Message, message_id: str) -> dict[str, object]:
    """Return the fields of the handler call before bracketing (docs/bitrix24.md E.2 to E.4)."""
    fields: dict[str, object] = {
        **_origin_fields(message),
        "properties": {"phone_number": message.to, "message_text": message.text},
        "type": "SMS",
        "code": message.code,
        "message_id": message_id,
        "message_to": message.to,
        "message_body": message.text,
        "ts": int(time.time()),
        "auth": _auth_fields(world, portal, message.author),
    }
    return _merge_overrides(fields, message.overrides)


def _new_message(portal: PortalState, request: SendRequest) -> Message:
    now = time.time()
    message = Message(
        id=portal.next_id(),
        message_id="",
        code=request.code,
        to=request.to,
        text=request.text,
        author=0 if portal.switches.no_author else request.author,
        module=request.module,
        created=now,
        row_at=now + (portal.switches.row_after if request.module == "sender" else 0),
        overrides=request.overrides,
    )
    if not portal.switches.fresh_ids:
        message.message_id = _make_id(message)
    return message


def _make_id(message: Message) -> str:
    random_id = hashlib.md5(f"{message.id}|{secrets.token_hex(8)}".encode(), usedforsecurity=False).hexdigest()
    return str(message.overrides.get("message_id") or random_id)


def _deliver_message(world: World, portal: PortalState, message: Message, sender: Sender) -> None:
    """Hand the message over; the portal writes SENT some time later, whether the handler was reached or not (D.8).

    With `picked_again_after` it is handed over twice, as after a crash of the portal's queue runner (D.8.5).
    """
    # A campaign's row is inserted as SENT; a queued row is overwritten with SENT, whatever was pushed before.
    wait = portal.switches.row_after if message.module == "sender" else portal.switches.sent_after
    mark_later = partial(world.background.run_later, wait, partial(_mark_sent, world, message))
    if event_server.is_prompt(portal):
        _hand_over(world, portal, message, sender, mark_later)
    else:
        _hand_over(world, portal, message, sender)
        mark_later()
    if portal.switches.picked_again_after:
        again = partial(_hand_over, world, portal, message, sender)
        world.background.run_later(portal.switches.picked_again_after, again)


def _hand_over(
    world: World, portal: PortalState, message: Message, sender: Sender, then: Callable[[], None] | None = None
) -> None:
    """Give a handler call to the event server; `then` is run once the handler was called.

    Old boxes (`fresh_ids`) make a new id for each call, and write it down only after it (D.8.5).
    """
    called_as = _make_id(message) if portal.switches.fresh_ids else message.message_id

    def note_outcome(outcome: Outcome) -> None:
        message.message_id = called_as
        message.calls.append(outcome)
        if then:
            then()

    body = phpform.encode_form(build_payload(world, portal, message, called_as))
    event_server.accept_delivery(world, Delivery(portal, "call", sender.handler, body, note_outcome))


def _mark_sent(world: World, message: Message) -> None:
    with world.lock:
        message.set_status("sent", "portal", time.time())
    world.touch()


def _origin_fields(message: Message) -> dict[str, object]:
    if message.module == "crm":
        bindings = [{"OWNER_TYPE_ID": 3, "OWNER_ID": 1}, {"OWNER_TYPE_ID": 2, "OWNER_ID": 1}]
        return {"module_id": "crm", "bindings": bindings}
    if message.module == "bizproc":
        return {
            "module_id": "bizproc",
            "workflow_id": f"5f3c{message.id:012x}.00000000",
            "document_id": ["crm", "CCrmDocumentDeal", "DEAL_1"],
            "document_type": ["crm", "CCrmDocumentDeal", "DEAL"],
        }
    return {"module_id": message.module}


def _auth_fields(world: World, portal: PortalState, author: int) -> dict[str, object]:
    """Return `auth`: empty without an author, the base keys only when no token can be issued to the author."""
    if author == 0:
        return {}
    base: dict[str, object] = {
        "domain": world.domain(portal),
        "server_endpoint": world.server_endpoint_of(portal),
        "client_endpoint": world.client_endpoint(portal),
        "member_id": portal.member_id,
        "application_token": portal.app.token,
    }
    user = portal.users.get(author)
    if user is None or not user.active:
        return base
    token = tokens.author_token(world, portal, author)
    return base | {
        "access_token": token.access,
        "expires": int(token.expires),
        "expires_in": round(token.expires - time.time()),
        "scope": ",".join(portal.app.scope),
        "status": portal.app.status,
        "user_id": author,
    }


def _merge_overrides(fields: dict[str, object], overrides: dict[str, object]) -> dict[str, object]:
    merged = dict(fields)
    for key, value in overrides.items():
        old = merged.get(key)
        merged[key] = _merge_overrides(old, value) if isinstance(value, dict) and isinstance(old, dict) else value
    return merged
