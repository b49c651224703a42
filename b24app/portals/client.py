"""Calling a portal: the right token, renewed where needed, the next one where the first is refused, one try each.

Waiting is the caller's business: a limit or a lapse is written into the portal's row and raised. Reactions are those of
docs/bitrix24.md K. Never call from inside a transaction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from b24app.portals import bitrix, error_policy, exchange_records, identity, operating_limit, tokens
from b24app.portals.errors import InDoubt, NoToken, PortalError, Postponed, Refused
from b24app.portals.models import Portal, PortalToken
from b24app.portals.responses import ErrorAnswer, Moved, NoAnswer, Reply, https_host

MAX_COMMANDS = 50
MAX_TOKENS = 6  # tried in one call
OWNER_LOST = frozenset({"AUTHORIZATION_ERROR", "USER_ACCESS_ERROR"})
STALE = frozenset({"EXPIRED_TOKEN", "INVALID_TOKEN", "NO_AUTH_FOUND"})
OURS = "messageservice."  # methods whose ACCESS_DENIED says that the user is no administrator (docs/bitrix24.md B.7)

T = TypeVar("T")
Ask = Callable[[str, str], T]  # host, access token


@dataclass(frozen=True, slots=True)
class BatchCommand:
    """One method of a batch. No user text in `params`: a batch reads `$result[…]` in it (docs/bitrix24.md C.5)."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BatchAnswer:
    """What became of one command: its result, or why it was refused (`Postponed`: repeat it later)."""

    result: Any = None
    error: Refused | None = None


class _OwnerRefused(Exception):
    """The portal refuses this token's owner; another's may do. `rights` are missing, or the owner is lost."""

    def __init__(self, answer: ErrorAnswer) -> None:
        super().__init__(answer.code)
        self.answer = answer


def call_portal(
    portal: Portal, method: str, params: Mapping[str, Any] | None = None, *, token: PortalToken | None = None
) -> Any:
    """Call one method and return its `result`; raises Refused, NotNow, InDoubt, NoToken, PortalGone.

    `token` is used instead of the portal's own choice, and then no other is tried.
    """

    def ask(host: str, access: str) -> Reply:
        try:
            return bitrix.call_method(host, access, method, params or {}, exchange_records.exchange_keeper(portal))
        except ErrorAnswer as answer:
            raise _judged(portal, answer, method) from None

    reply = _with_tokens(portal, token, ask, ours=method.startswith(OURS))
    operating_limit.learn_operating_time(portal, method, reply.reset_at)
    error_policy.note_success(portal)
    return reply.result


def batch_portal(portal: Portal, commands: Sequence[BatchCommand]) -> list[BatchAnswer]:
    """Call at most 50 methods in one request that does not halt; answers keep the order.

    Raises what `call` raises where it concerns all of them, InDoubt also when the portal left one out. Commands refused
    for lack of rights are repeated, they alone, with the next token.
    """
    if len(commands) > MAX_COMMANDS:
        raise ValueError(f"A batch holds {MAX_COMMANDS} commands at most")
    answers: dict[int, BatchAnswer] = {}
    if commands:
        ours = all(command.method.startswith(OURS) for command in commands)
        try:
            _with_tokens(portal, None, lambda host, access: _round(portal, host, access, commands, answers), ours=ours)
        except (NoToken, Refused) as error:
            if not answers:
                raise
            rest = BatchAnswer(error=Refused(error.code, error.words))
            return [answers.get(index, rest) for index in range(len(commands))]
        if not any(isinstance(answer.error, Postponed) for answer in answers.values()):
            error_policy.note_success(portal)
    return [answers[index] for index in range(len(commands))]


def _round(
    portal: Portal, host: str, access: str, commands: Sequence[BatchCommand], answers: dict[int, BatchAnswer]
) -> None:
    """Send what has no answer yet; raises the refusal when some of it lacks only the rights."""
    waiting = [index for index in range(len(commands)) if index not in answers]
    asked = [(commands[index].method, commands[index].params) for index in waiting]
    try:
        entries = bitrix.call_batch(host, access, asked, exchange_records.exchange_keeper(portal))
    except ErrorAnswer as answer:
        raise _judged(portal, answer, "batch") from None
    if None in entries:
        raise NoAnswer("the portal left a command out")
    denied: _OwnerRefused | None = None
    known: dict[tuple[str, str], Exception] = {}
    for index, entry in zip(waiting, entries, strict=True):
        method = commands[index].method
        if isinstance(entry, Reply):
            operating_limit.learn_operating_time(portal, method, entry.reset_at)
            answers[index] = BatchAnswer(entry.result)
        elif entry is not None:
            key = (entry.code, method)
            verdict = known[key] if key in known else known.setdefault(key, _judged(portal, entry, method))
            if isinstance(verdict, _OwnerRefused):
                denied = verdict
            else:
                answers[index] = BatchAnswer(error=_as_refusal(verdict, entry))
    if denied:
        raise denied


def _as_refusal(verdict: Exception, entry: ErrorAnswer) -> Refused:
    return verdict if isinstance(verdict, Refused) else Postponed(entry.code, entry.words)


def _judged(portal: Portal, answer: ErrorAnswer, method: str) -> Exception:
    """What to raise for an error: something about the token, or what the portal's row now says too."""
    if answer.code in STALE:
        return answer
    if answer.code in OWNER_LOST or (answer.code == "ACCESS_DENIED" and not error_policy.plan_has_lapsed(answer)):
        return _OwnerRefused(answer)
    return error_policy.apply_error(portal, answer, operating_limit.free_at(portal, method))


def _with_tokens(portal: Portal, token: PortalToken | None, ask: Ask[T], *, ours: bool) -> T:
    """Ask with one token after another until one is not refused on account of its owner."""
    error_policy.check_open(portal)
    tried: set[int] = set()
    refusal: ErrorAnswer | None = None
    while len(tried) < (1 if token else MAX_TOKENS):
        held = token or tokens.choose_token(portal, tried)
        if held is None:
            break
        tried.add(held.pk)
        try:
            return _renewing(portal, held, ask)
        except tokens.DeadToken:
            continue
        except _OwnerRefused as refused:
            refusal = refused.answer
            _mark(held, refusal, ours=ours)
    raise _nobody_left(portal, token, refusal, ours=ours)


def _mark(held: PortalToken, refusal: ErrorAnswer, *, ours: bool) -> None:
    if refusal.code in OWNER_LOST:
        tokens.demote_token(held)
        tokens.mark_dead(held, refusal.code.lower())
    elif ours and held.is_admin:
        # "Application context required" has the same code and says nothing of the user (docs/bitrix24.md D).
        tokens.demote_token(held, by_rights="application context" not in refusal.words.lower())


def _nobody_left(portal: Portal, token: PortalToken | None, refusal: ErrorAnswer | None, *, ours: bool) -> PortalError:
    gone = tokens.gone_error(portal)
    if gone:
        return gone
    if refusal and refusal.code == "ACCESS_DENIED" and not ours:
        return Refused(refusal.code, refusal.words)
    if token is None:
        tokens.note_missing_token(portal)
    return NoToken(refusal.code, refusal.words) if refusal else NoToken("NO_TOKEN")


def _renewing(portal: Portal, held: PortalToken, ask: Ask[T]) -> T:
    """Ask; where the token turns out stale, renew it and ask once more. Raises tokens.Dead when that does not help."""
    held = tokens.fresh_token(portal, held)
    try:
        return _following(portal, held, ask)
    except ErrorAnswer:
        held = tokens.renew_token(portal, held)
    try:
        return _following(portal, held, ask)
    except ErrorAnswer as answer:
        tokens.mark_dead(held, answer.code.lower())
        raise tokens.DeadToken from None


def _following(portal: Portal, held: PortalToken, ask: Ask[T]) -> T:
    """Ask; where the portal has moved, and the OAuth server confirms it, ask once more at the new address."""
    try:
        return ask(portal.rest_host, held.access)
    except NoAnswer as silence:
        raise InDoubt("NO_ANSWER", silence.words) from None
    except Moved as moved:
        host = moved.host
    _move(portal, held, host)
    try:
        return ask(portal.rest_host, held.access)
    except NoAnswer as silence:
        raise InDoubt("NO_ANSWER", silence.words) from None
    except Moved:
        raise InDoubt("REDIRECTED") from None


def _move(portal: Portal, held: PortalToken, host: str) -> None:
    """Take over a portal's new address if the OAuth server names the very host of the redirect; else raise InDoubt."""
    try:
        owner = bitrix.app_info(portal.oauth_host, held.access, exchange_records.exchange_keeper(portal))
    except ErrorAnswer as answer:
        # The OAuth server calls a token it does not know an invalid client (docs/bitrix24.md B.2).
        if answer.code in STALE or answer.code == "INVALID_CLIENT":
            raise ErrorAnswer("INVALID_TOKEN", answer.words) from None
        raise InDoubt("REDIRECTED", answer.words) from None
    except (NoAnswer, Moved):
        raise InDoubt("REDIRECTED") from None
    confirmed = identity.is_of(portal, owner) and https_host(owner.client_endpoint) == host
    if not (confirmed and identity.can_be_served(owner.client_endpoint)):
        raise InDoubt("REDIRECTED")
    error_policy.update_portal(portal, client_endpoint=owner.client_endpoint, domain=owner.domain)
