"""What people do in a portal, and what becomes of it: each act changes the sandbox and what is true of the portal."""

from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

from b24app.messaging.models import Connection, Sender
from b24app.messaging.push import sender_registration
from b24app.operations.local import visitor
from b24app.operations.local.visitor import UnexpectedPage, Visitor
from b24app.portals.errors import PortalError
from b24app.portals.models import Portal
from b24app.sandbox.frames import FrameRefused
from b24app.sandbox.state import User
from tests import factories
from tests.life.years.clock import DAY, HOUR
from tests.life.years.seat import FOUND_OUT, Departure, Letter, Seat

DESTINIES = ("delivered", *("delivered",) * 7, "undelivered", "failed")  # by the last digit but one


def row_of(seat: Seat) -> Portal | None:
    return Portal.objects.filter(member_id=seat.there.member_id).first()


def visit(seat: Seat, user: int, *, install: bool | None = None) -> str:
    """Open the application as this person, through the installer to its end; return what was wrong, "" for nothing."""
    is_admin, answers = user in seat.administrators, seat.answers or not seat.there.state.app.present
    try:
        frame = seat.there.frame(user, install=install)
    except FrameRefused:
        return ""
    person = Visitor()
    try:
        if not (is_admin and urlsplit(frame["action"]).path == "/install/"):
            _see_page(frame)
        else:
            page = person.launch(frame["action"], frame["fields"])
            done = person.submit(page, visitor.find_form_to(page, "/install/run/"))
            if "data-install-finish" not in done.text:
                raise UnexpectedPage(f"the installer did not finish: {done.text[:600]}")
            seat.there.install_finish(user)
    except UnexpectedPage as page_error:
        return f"no page for {user}: {page_error}" if answers else ""
    if is_admin and answers:
        seat.sure.add(user)
        seat.unsure.discard(user)
    return ""


def _see_page(frame: dict[str, Any]) -> None:
    """Open the page, without the first screen. Raise UnexpectedPage where it is no page of ours with a ticket."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    page = visitor.fetch_page("POST", frame["action"], body=urlencode(frame["fields"]).encode(), headers=form)
    if "sendline-ticket" not in page.expect_status(200).text:
        raise UnexpectedPage(page.text[:600])


def settle(seat: Seat, now: float) -> str:
    """Install, the first time or again, and see to it that there is a sender."""
    wrong = visit(seat, seat.rng.choice(seat.administrators), install=None if seat.there.state.app.present else True)
    row = row_of(seat)
    if wrong or row is None or not seat.answers:
        return wrong
    if seat.departures and now < (seat.departures[-1].lost_at or now + 1):
        seat.departures[-1].is_void = True
    seat.codes = set(row.senders.values_list("code", flat=True))
    return "" if seat.codes else connect(seat, row)


def connect(seat: Seat, row: Portal) -> str:
    """Save an account and a sender."""
    account = Connection.objects.filter(portal=row).first() or factories.connection(row, "demo")
    sender = Sender(portal=row, connection=account, names={"en": "Front desk"}, signature="DEMO")
    sender_registration.save_sender(sender)
    with suppress(PortalError):
        sender_registration.register_sender(sender)
    seat.codes.add(sender.code)
    return "" if sender.code in seat.there.senders else f"sender {sender.code} was not registered: {sender.error_words}"


def write(seat: Seat, now: float) -> None:
    """Write a message to a number whose last digits say what becomes of it."""
    digit, people = seat.rng.randrange(10), [one.id for one in seat.there.users.values() if one.active]
    author = seat.rng.choice([*people, 0])
    number = f"+120255501{digit}{seat.rng.randrange(5)}"
    code = seat.rng.choice(sorted(seat.codes))
    message = seat.there.send_sms(
        number, "Your order is ready.", code, author, seat.rng.choice(["crm", "bizproc", "sender"])
    )
    seat.note_health(now)  # a turn of this very step may have ended it
    healthy, long = seat.was_healthy_for(HOUR, now), seat.was_healthy_for(35 * DAY, now)
    seat.letters.append(Letter(message, now, DESTINIES[digit], healthy, long))


def lose_administrator(seat: Seat, **changes: bool) -> None:
    """Dismiss or demote an administrator."""
    user = seat.rng.choice(seat.administrators)
    seat.there.set_user(user, **changes)
    seat.lose_administrator(user)


def appoint(seat: Seat) -> str:
    """Make somebody an administrator, hire somebody again or anew, who then opens the application."""
    gone = [one.id for one in seat.there.users.values() if not one.system and not (one.admin and one.active)]
    user = seat.rng.choice(gone) if gone and seat.rng.random() < 0.6 else max(seat.there.users) + 1
    if user not in seat.there.users:
        seat.there.users[user] = User(user, f"Person {user}", "Anew")
    seat.there.set_user(user, active=True, admin=True)
    return visit(seat, user) if seat.there.state.app.present else ""


def uninstall(seat: Seat, now: float, *, clean: bool) -> None:
    """Remove the application; the event may be lost or late."""
    row = row_of(seat)
    told = now + seat.longest_delay if seat.hears_us_off else None
    if row is not None:
        owned = {"portal_id": row.pk}
        senders = set(Sender.objects.filter(**owned).values_list("pk", flat=True))
        accounts = set(Connection.objects.filter(**owned).values_list("pk", flat=True))
        known = told if told is not None else now + FOUND_OUT if seat.sure else None
        seat.departures.append(Departure(row.pk, accounts, senders, now, clean, told, known))
    seat.there.uninstall(clean=clean)
    seat.sure.clear()
    seat.unsure.clear()


def register_anew(seat: Seat) -> None:
    """Register the box anew: for the application that is another portal, and the one before never answers again."""
    seat.there.register_again()
    seat.sure.clear()
    seat.unsure.clear()
    seat.codes = set()
    seat.letters.clear()


def restore_copy(seat: Seat, now: float) -> None:
    """Start a copy of the box beside it, whose robots go on sending."""
    copy = seat.there.clone(f"{seat.there.state.key}-copy", seat.spare_hosts.pop())
    copy.state.messages.clear()
    for code in sorted(seat.codes):
        if code in copy.senders:
            seat.copied.append(copy.send_sms("+12025550133", "From a copy.", code, min(copy.users)))
    seat.planned.append((now + 3 * DAY, "drop_copy"))


def drop_copy(seat: Seat) -> None:
    with seat.there.world.lock:
        seat.there.world.portals.pop(f"{seat.there.state.key}-copy", None)
