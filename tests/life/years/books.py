"""What must be true in the end: each portal as its history says, no row of nobody, and tokens where they belong."""

from collections.abc import Iterator

from b24app.core import signed_urls
from b24app.messaging.models import Connection, Message, Sender, SenderState
from b24app.messaging.models.dead_letters import DeadLetter
from b24app.portals.models import Portal, PortalToken
from b24app.sandbox import tokens
from b24app.sandbox.world import World
from tests.life.years.clock import DAY
from tests.life.years.seat import Departure, Seat
from tests.messaging.privacy import schema_rows

SETTLED = 45 * DAY  # healthy for so long: then everything must be as it should be
TOLD_BY = 10 * DAY  # a message's age when its status is looked at; the portal deletes it after fourteen
RECOVERED = 4 * DAY  # healthy for so long: then we may call it, and statuses that had to wait are there


def check_letters(seat: Seat, now: float) -> Iterator[str]:
    """Compare what the portal shows of messages that are some days old with what it must show."""
    old = [one for one in seat.letters if one.at <= now - TOLD_BY]
    seat.letters = [one for one in seat.letters if one.at > now - TOLD_BY]
    for one in old:
        message, key = one.message, seat.there.state.key
        if message.note:
            if one.long_healthy:
                yield f"{key}: a message failed inside the portal: {message.note}"
        elif message.handler_status != 200:
            if one.was_healthy:
                yield f"{key}: a message was answered {message.calls}"
        elif seat.was_healthy_for(RECOVERED, now) and message.status != one.status:
            row = Message.objects.filter(message_id=message.message_id).values(
                "status", "phase", "pushed", "push_at", "push_error", "push_tries", "wait", "reason"
            )
            yield f"{key}: a message is shown as {message.status}, not {one.status}: {list(row)}"
        elif seat.was_healthy_for(RECOVERED, now):
            seat.told += 1


def check_copies(seat: Seat) -> Iterator[str]:
    """Nothing that a restored copy sent went out."""
    ids = [one.message_id for one in seat.copied]
    for row in Message.objects.filter(message_id__in=ids).exclude(attempts=0):
        yield f"{seat.there.state.key}: what a copy sent went out: {row.status}"


def check_seat(seat: Seat, world: World, now: float) -> Iterator[str]:
    """Compare the application's rows with what is true of the portal."""
    key, row = seat.there.state.key, Portal.objects.filter(member_id=seat.there.member_id).first()
    for departure in seat.departures:
        yield from (f"{key}: {wrong}" for wrong in _check_departure(departure, now))
    yield from (f"{key}: {wrong}" for wrong in _check_presence(seat, row, now))
    if row is None:
        return
    if row.uninstalled_at is not None and PortalToken.objects.filter(portal=row).exists():
        yield f"{key}: is uninstalled and has tokens"
    yield from (f"{key}: {wrong}" for wrong in _check_tokens(seat, row, world))
    if seat.was_healthy_for(RECOVERED, now):
        yield from (f"{key}: {wrong}" for wrong in _check_access(seat, row))
    if seat.was_healthy_for(SETTLED, now):
        yield from (f"{key}: {wrong}" for wrong in _check_registered(seat, row))


def _check_presence(seat: Seat, row: Portal | None, now: float) -> Iterator[str]:
    if seat.there.state.app.present:
        if seat.sure and (row is None or row.uninstalled_at is not None):
            yield "is installed, and taken for uninstalled"
    elif row is not None and row.uninstalled_at is None:
        known_at = seat.departures[-1].known_at if seat.departures else None
        if known_at is not None and known_at < now:
            yield f"was uninstalled, and is taken for installed ({row.suspension or 'not suspended'})"


def _check_departure(departure: Departure, now: float) -> Iterator[str]:
    if departure.erased_at is None or departure.erased_at > now:
        return
    ids: schema_rows.Ids = {
        Portal: {departure.pk},
        Connection: departure.connections,
        Sender: departure.senders,
        Message: set(),
    }
    left = [model.__name__ for model in schema_rows.models_of_portals() if schema_rows.count_rows(model, ids)]
    if left:
        yield f"should be erased, and has rows of {', '.join(left)}"


def _check_access(seat: Seat, row: Portal) -> Iterator[str]:
    if row.suspension:
        yield f"is suspended ({row.suspension}, {row.trouble}) for nothing"
    alive = set(
        PortalToken.objects.filter(portal=row, dead_reason="", is_admin=True)
        .exclude(refresh="")
        .values_list("user_id", flat=True)
    )
    if not alive & seat.sure or row.no_token_since is not None:
        yield f"an administrator's token is not known: {alive} of {seat.sure}, none since {row.no_token_since}"


def _check_registered(seat: Seat, row: Portal) -> Iterator[str]:
    if row.client_endpoint != seat.there.client_endpoint:
        yield f"is looked for at {row.client_endpoint}, not {seat.there.client_endpoint}"
    senders = {one.code: one for one in Sender.objects.filter(portal=row, state=SenderState.REGISTERED)}
    shown = {code: one.handler for code, one in seat.there.senders.items() if code in seat.codes}
    wanted = {code: signed_urls.handler_url(one.uuid.hex, one.generation) for code, one in senders.items()}
    if shown != wanted or set(wanted) != seat.codes:
        yield f"senders are {sorted(shown)} of {sorted(seat.codes)}, addresses agree: {shown == wanted}"
    events = signed_urls.events_url(row.uuid.hex, row.generation)
    bound = {one.event for one in seat.there.handlers if one.handler == events}
    if not bound >= {"ONAPPUPDATE", "ONAPPPAYMENT", "ONAPPUNINSTALL"}:
        yield f"only {sorted(bound)} are bound"


def _check_tokens(seat: Seat, row: Portal, world: World) -> Iterator[str]:
    for token in PortalToken.objects.filter(portal=row, dead_reason=""):
        found = tokens.find_access(world, token.access)
        if found and (found[0].member_id, found[1].user_id) != (row.member_id, token.user_id):
            yield f"the token of user {token.user_id} is one of {found[0].key}'s user {found[1].user_id}"


def find_orphans() -> Iterator[str]:
    """Walk all tables by the schema: what leads to a portal, an account, a sender or a message leads to one that is."""
    for model in schema_rows.models_of_portals():
        for column, owner in schema_rows.owner_columns(model):
            rows = model.objects.exclude(**{f"{column}__isnull": True})  # type: ignore[attr-defined]
            lost = rows.exclude(**{f"{column}__in": owner.objects.values("pk")}).count()  # type: ignore[attr-defined]
            if lost:
                yield f"{lost} rows of {model.__name__} with a {column} of nobody"


def find_failures() -> Iterator[str]:
    """Return work of ours that raised."""
    for letter in DeadLetter.objects.all():
        yield f"dead letter: {letter.kind} {letter.key}: {letter.error}"


def tell_states(seats: list[Seat]) -> dict[str, int]:
    """Return how many portals ended as what."""
    found: dict[str, int] = {}
    for seat in seats:
        row = Portal.objects.filter(member_id=seat.there.member_id).first()
        name = (
            seat.state_now()
            + " / "
            + ("erased or unknown" if row is None else "left" if row.uninstalled_at else row.suspension or "installed")
        )
        found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items(), key=lambda item: -item[1]))
