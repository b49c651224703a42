"""Two weeks of an invented shop's messages, planned: recipients, texts, times and outcomes."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from providers.kit.contract import Status

DAYS = 14
OPENS, CLOSES = time(8, 30), time(19, 30)
JUST_NOW = timedelta(minutes=10)  # nothing is younger, so that all that follows is in the past too


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`count` messages with the same outcome. `endings` are last digits, which the demo service goes by."""

    count: int
    endings: range = range(80)
    within: timedelta = timedelta(days=DAYS)  # ago, at most
    reported: Status | None = None  # the later report on an accepted message
    code: str = ""  # the service's own error code
    tries: int = 1
    is_cancelled: bool = False
    is_readable: bool = True  # the number, as the portal wrote it
    late: timedelta = timedelta(0)  # how long after it was written the portal called the handler

    @property
    def is_usual(self) -> bool:
        return self.reported == Status.DELIVERED and self.within == timedelta(days=DAYS)


OUTCOMES = (
    Outcome(count=66, reported=Status.DELIVERED),
    Outcome(count=20, reported=Status.DELIVERED, within=timedelta(hours=30)),
    Outcome(count=6, reported=Status.DELIVERED, within=timedelta(hours=3)),
    Outcome(count=8, reported=Status.UNDELIVERED, code="absent", endings=range(80, 90)),
    Outcome(count=4, endings=range(90, 95)),
    Outcome(count=3, endings=range(95, 96)),
    Outcome(count=3, within=timedelta(hours=2)),
    Outcome(count=2, endings=range(98, 99), within=timedelta(hours=20)),
    Outcome(count=2, endings=range(99, 100), tries=6, within=timedelta(hours=5)),
    Outcome(count=3, is_readable=False),
    Outcome(count=2, is_cancelled=True),
    Outcome(count=1, late=timedelta(hours=26)),
)

MODULES: Mapping[str, int] = {"crm": 5, "bizproc": 4, "sender": 2}  # weights
UNREADABLE = ("call Olivia back", "555-01", "none")

ENGLISH_NAMES = ("Olivia", "Marcus", "Priya", "Tom", "Hannah", "Kwame", "Ingrid", "Leo", "Sofia", "Ben", "Yuki", "Nora")
CARD_NAMES = {"+12025550142": "Emma", "+12025550160": "Emma", "+12025550143": "Felix", "+12025550145": "Hugo"}
RUSSIAN_NAMES = ("Анна", "Тимур", "Вера", "Игорь", "Дина", "Павел")
ENGLISH_TEXTS = {
    "crm": (
        "Hello {name}, this is Clara of Marlow & Finch. The armchair you asked about is back in stock.",
        "{name}, thank you for your visit. The offer for the oak table is in your mailbox; it holds until Friday.",
        "Hi {name}, our fitter Joe will be with you on Thursday between 10 and 12. Is that all right?",
        "{name}, we have found the fabric you were looking for. Come and feel it, we keep it for a week.",
    ),
    "bizproc": (
        "Marlow & Finch: order {number} is packed and leaves our workshop today.",
        "Marlow & Finch: {name}, your delivery {number} comes tomorrow between 9:00 and 13:00.",
        "Marlow & Finch: we have received your payment for order {number}. Thank you!",
        "Marlow & Finch: order {number} is ready to be collected at 12 Lantern Lane, daily until 19:00.",
    ),
    "sender": (
        "{name}, garden days at Marlow & Finch: 15% off everything made of teak until Sunday. Reply STOP to stop.",
        "{name}, an evening on reading lamps: Friday at seven, 12 Lantern Lane. Bring a friend. Reply STOP to stop.",
    ),
}
RUSSIAN_TEXTS = {
    "crm": (
        "{name}, добрый день! Это Клара из «Марлоу и Финч». Кресло, о котором вы спрашивали, снова есть.",
        "{name}, спасибо за визит! Предложение по дубовому столу отправили на почту, оно действует до пятницы.",
    ),
    "bizproc": (
        "«Марлоу и Финч»: заказ {number} собран и сегодня уедет из мастерской.",
        "«Марлоу и Финч»: {name}, доставка {number} завтра с 9:00 до 13:00.",
    ),
    "sender": ("{name}, дни сада в «Марлоу и Финч»: скидка 15% на всё из тика до воскресенья.",),
}


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """One message as the portal would send it."""

    outcome: Outcome
    message_id: str
    received_at: datetime
    module: str
    to: str
    text: str


def plan_messages(
    random: Random, now: datetime, zone: ZoneInfo, *, modules: Mapping[str, int] = MODULES, times: int = 1
) -> list[PlannedMessage]:
    """Return all messages, oldest first; the same for the same `random` except the moments, which lie before `now`.

    `modules` weighs where the messages come from; messages with the usual outcome are multiplied by `times`.
    """
    outcomes = [one for one in OUTCOMES for _ in range(one.count * (times if one.is_usual else 1))]
    planned = [_plan_message(random, one, _pick_moment(random, one, now, zone), modules) for one in outcomes]
    return sorted(planned, key=lambda one: one.received_at)


def _plan_message(random: Random, outcome: Outcome, moment: datetime, modules: Mapping[str, int]) -> PlannedMessage:
    module = random.choices(list(modules), list(modules.values()))[0]
    is_russian = random.random() < 0.2
    names, texts = (RUSSIAN_NAMES, RUSSIAN_TEXTS) if is_russian else (ENGLISH_NAMES, ENGLISH_TEXTS)
    form, order = random.choice(texts[module]), random.randint(4100, 4990)
    to = _pick_number(random, outcome, is_russian=is_russian) if outcome.is_readable else random.choice(UNREADABLE)
    text = form.format(name=_name_for(to, names), number=order)
    return PlannedMessage(outcome, f"{random.getrandbits(128):032x}", moment, module, to, text)


def _name_for(to: str, names: Sequence[str]) -> str:
    """Return the name a number is always greeted by: that of the sandbox's card, where it stands on one."""
    return CARD_NAMES.get(to) or names[zlib.crc32(to.encode()) % len(names)]


def _pick_number(random: Random, outcome: Outcome, *, is_russian: bool) -> str:
    """Return a number that a regulator has reserved for fiction.

    Russia has no such range, so those who are written to in Russian live in Germany.
    """
    ending = random.choice(outcome.endings)
    if is_russian:
        return f"+49176040690{ending:02}"
    return random.choice((f"+120255501{ending:02}", f"+447700900{random.randint(0, 9)}{ending:02}"))


def _pick_moment(random: Random, outcome: Outcome, now: datetime, zone: ZoneInfo) -> datetime:
    """Return a moment within opening hours, if the outcome's time allows one."""
    clock = Random(random.random())  # noqa: S311 - separate: how often it is used depends on the hour
    newest = now - JUST_NOW
    moment = newest
    for _ in range(20):
        moment = newest - clock.random() * (outcome.within - JUST_NOW)
        if OPENS <= moment.astimezone(zone).time() < CLOSES:
            break
    return moment
