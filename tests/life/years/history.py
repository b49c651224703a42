"""The history of each portal, drawn from the seed: what may happen in the state that it is in, and what follows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from random import Random

from b24app.sandbox import Sandbox
from b24app.sandbox.state import PortalState, User
from b24app.sandbox.switches import Switches
from tests.life.years import acts
from tests.life.years.clock import DAY, HOUR
from tests.life.years.seat import Seat

# Days between two messages, two openings and two turns of fate, on the average; and how many of ten portals are so.
TEMPERS = {"busy": (8.0, 15.0, 40.0), "quiet": (50.0, 70.0, 80.0), "sleepy": (150.0, 200.0, 120.0)}
SHARES = ("busy", *("quiet",) * 5, *("sleepy",) * 4)
CALM = 50 * DAY  # before the end nothing new begins
INSTALLED_BY = 20 * DAY
HOSTS_EACH = 4


@dataclass(frozen=True)
class Turn:
    """Something that may happen: how often, when, and what it does; "" or what was wrong is returned."""

    weight: int
    may: Callable[[Seat], bool]
    do: Callable[[Seat, float], object]


def new_seat(box: Sandbox, rng: Random, number: int, hosts: list[str], now: float, pace: float) -> Seat:
    """Return a portal as on its first day."""
    people = {1: User(1, "Alice", "Adams", admin=True), 7: User(7, "Bob", "Brown")}
    if rng.random() < 0.4:
        people[2] = User(2, "Dana", "Dolan", admin=True)
    switches = Switches(
        modern=rng.random() < 0.75, system_user=rng.random() < 0.2, system_user_admin=rng.random() < 0.7
    )
    if rng.random() < 0.5:
        switches.make_strict()
        switches.penalty = False
    state = PortalState(f"p{number}", f"Portal {number}", hosts[0], "en", people, switches=switches)
    box.world.add_portal(state)
    seat = Seat(box.portal(state.key), SHARES[number % len(SHARES)], rng, hosts[1:], pace)
    begins = now + rng.uniform(0, INSTALLED_BY)
    seat.planned.append((begins, "settle"))
    letters, visits, turns = (days / pace for days in TEMPERS[seat.temper])
    seat.next_letter, seat.next_visit = begins + letters * DAY, begins + visits * DAY
    seat.next_turn = begins + rng.uniform(DAY, turns * DAY)
    return seat


def live(seat: Seat, now: float, end: float) -> Iterable[str]:
    """Let happen in this portal what is due; return what was wrong."""
    due = sorted(one for one in seat.planned if one[0] <= now)
    seat.planned = [one for one in seat.planned if one[0] > now]
    for _at, name in due:
        yield from _happen(seat, name, FOLLOWING[name], now)
    letters, visits, turns = (days / seat.pace for days in TEMPERS[seat.temper])
    if seat.next_turn <= now < end - CALM:
        seat.next_turn = now + seat.rng.expovariate(1 / (turns * DAY))
        open_ones = [name for name, turn in TURNS.items() if turn.may(seat)]
        if open_ones:  # there may be nobody left to do anything
            [name] = seat.rng.choices(open_ones, [TURNS[one].weight for one in open_ones])
            yield from _happen(seat, name, TURNS[name].do, now)
    if seat.next_visit <= now:
        seat.next_visit = now + seat.rng.expovariate(1 / (visits * DAY))
        yield from _happen(seat, "", _open, now)
    if seat.next_letter <= now:
        seat.next_letter = now + seat.rng.expovariate(1 / (letters * DAY))
        if seat.codes and seat.there.state.app.present:
            acts.write(seat, now)
            seat.acts += 1
            seat.today.add("busy")
    seat.note_health(now)


def _happen(seat: Seat, name: str, do: Callable[[Seat, float], object], now: float) -> Iterable[str]:
    seat.acts += 1
    if name:
        seat.done.append(f"{(now - 1.8e9) / DAY:.1f} {name}")
        seat.today.add("eventful")
    wrong = do(seat, now)
    if isinstance(wrong, str) and wrong:
        yield f"{seat.there.state.key}: {name}: {wrong}"


def _open(seat: Seat, _now: float) -> str:
    people = [*seat.administrators, *seat.employees]
    return acts.visit(seat, seat.rng.choice(people)) if people and seat.there.state.app.present else ""


def _plan(seat: Seat, now: float, name: str, shortest: float, longest: float) -> None:
    seat.planned.append((now + seat.rng.uniform(shortest, longest), name))


def _switch(seat: Seat, now: float, *, then: str = "", longest: float = 40 * DAY, **switches: object) -> None:
    for name, value in switches.items():
        seat.there.switches.set(name, value)
    if then:
        _plan(seat, now, then, 2 * HOUR, longest)


def _update(seat: Seat, now: float, *, wipes: bool, silent: bool) -> None:
    _switch(seat, now, update_wipes=wipes, update_silent=silent)
    seat.there.update()
    _plan(seat, now, "settle", HOUR, 20 * DAY)


def _uninstall(seat: Seat, now: float, *, clean: bool, lost: bool = False) -> None:
    if lost:
        seat.there.switches.lose_events = 1
    acts.uninstall(seat, now, clean=clean)
    seat.there.switches.lose_events = 0
    if seat.rng.random() < 0.6:
        _plan(seat, now, "settle", HOUR, seat.rng.choice([2 * DAY, 25 * DAY, 90 * DAY]))


def _lose(seat: Seat, now: float, **changes: bool) -> None:
    acts.lose_administrator(seat, **changes)
    _plan(seat, now, "appoint", HOUR, 40 * DAY)


def _pay(seat: Seat, now: float, *, told: bool) -> None:
    _switch(seat, now, payment_required=False, bare_payment=seat.rng.random() < 0.3)
    if told:
        seat.there.fire("ONAPPPAYMENT", {"STATUS": "S", "PAYMENT_EXPIRED": "N", "DAYS": "30"})


def _register_anew(seat: Seat, now: float) -> None:
    acts.register_anew(seat)
    _plan(seat, now, "install_anew", HOUR, 5 * DAY)


def _install_anew(seat: Seat, now: float) -> str:
    wrong = acts.visit(seat, seat.rng.choice(seat.administrators), install=True) if seat.answers else ""
    return wrong or (acts.settle(seat, now) if seat.answers else "")


def _settle(seat: Seat, now: float) -> str:
    switches = seat.there.switches
    if not seat.administrators or switches.down or switches.payment_required:  # nobody installs what is not paid for
        _plan(seat, now, "settle", DAY, 10 * DAY)
        return ""
    return acts.settle(seat, now)


def _is_present(seat: Seat) -> bool:
    return seat.there.state.app.present


def _is_in_use(seat: Seat) -> bool:
    return seat.answers and seat.there.state.app.installed and bool(seat.codes)


def _has_administrators(seat: Seat) -> bool:
    return _is_present(seat) and len(seat.administrators) > 0


def _may_move(seat: Seat) -> bool:
    return _is_present(seat) and len(seat.spare_hosts) > 1


FOLLOWING: dict[str, Callable[[Seat, float], object]] = {
    "settle": _settle,
    "install_anew": _install_anew,
    "appoint": lambda seat, _now: acts.appoint(seat),
    "plan renewed": partial(_switch, lapsed_plan=False),
    "paid, told": partial(_pay, told=True),
    "paid, untold": partial(_pay, told=False),
    "on again": partial(_switch, down=False),
    "events prompt": partial(_switch, event_delay=0.0, disorder=0.0, lose_events=0),
    "drop_copy": lambda seat, _now: acts.drop_copy(seat),
}
TURNS: dict[str, Turn] = {
    "update": Turn(4, _is_in_use, partial(_update, wipes=False, silent=False)),
    "update wipes": Turn(4, _is_in_use, partial(_update, wipes=True, silent=False)),
    "update wipes silently": Turn(4, _is_in_use, partial(_update, wipes=True, silent=True)),
    "plan lapsed": Turn(4, _is_in_use, partial(_switch, lapsed_plan=True, then="plan renewed")),
    "payment due": Turn(3, _is_in_use, partial(_switch, payment_required=True, then="paid, told")),
    "payment due, untold": Turn(2, _is_in_use, partial(_switch, payment_required=True, then="paid, untold")),
    "off": Turn(5, _is_in_use, partial(_switch, down=True, then="on again", longest=55 * DAY)),
    "dismissed": Turn(4, _has_administrators, partial(_lose, active=False)),
    "demoted": Turn(2, _has_administrators, partial(_lose, admin=False)),
    "appointed": Turn(3, _is_present, lambda seat, _now: acts.appoint(seat)),
    "renamed": Turn(3, _may_move, lambda seat, _now: seat.there.rename(seat.spare_hosts.pop())),
    "moved": Turn(2, _may_move, lambda seat, _now: seat.there.move(seat.spare_hosts.pop())),
    "events late": Turn(3, _is_in_use, partial(_switch, event_delay=2 * DAY, disorder=DAY, then="events prompt")),
    "events lost": Turn(2, _is_in_use, partial(_switch, lose_events=-1, then="events prompt")),
    "uninstalled": Turn(3, _is_present, partial(_uninstall, clean=False)),
    "uninstalled clean": Turn(3, _is_present, partial(_uninstall, clean=True)),
    "uninstalled unheard": Turn(2, _is_present, partial(_uninstall, clean=False, lost=True)),
    "registered anew": Turn(1, _is_in_use, _register_anew),
    "copied": Turn(2, lambda seat: _is_in_use(seat) and len(seat.spare_hosts) > 0, acts.restore_copy),
    "tokens expired": Turn(2, _is_in_use, lambda seat, _now: seat.there.expire_tokens()),
}
