"""The demonstration: no network, sends nothing and says so; the last two digits of the number decide what happens.

API:     none
Sandbox: this is one
Checked: 2026-11-23 against nothing but itself; see docs/services/demo.md
"""

import re
import time
from collections.abc import Sequence

from providers.kit.contract import Accepted, Account, Provider, Report, Reports, Sms, Status
from providers.kit.errors import Hint, Throttled, Uncertain, Unreachable, error_for_code
from providers.kit.fields import Step
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark
from providers.kit.segments import measure

SENT_AFTER = 1
FINAL_AFTER = 4
"""Seconds from the acceptance to the word."""
FORGET_AFTER = 3600.0
_REF = re.compile(r"demo-(?P<at>[0-9]{1,11})-(?P<outcome>[0-9]{2})-[0-9A-Za-z_-]{0,64}")


class Demo(Provider):
    """The outcome is written into the ref, so nothing is remembered between acceptance and look-up."""

    code = "demo"
    title = "Demo"
    docs = ""
    listing = Listing(
        about=_("A demo service: nothing is sent and nothing is charged."),
        mark=Mark(Colour.SLATE, "M3 3h5v2H5v3H3zM16 3h5v5h-2V5h-3zM3 16h2v3h3v2H3zM19 16h2v5h-5v-2h3zM9 9h6v6H9z"),
    )
    setup = (
        Step(_("Nothing is sent"), _("This is the demo service. Nothing is sent and nothing is charged.")),
        Step(
            _("Simulate different results"),
            _(
                "The last two digits of the phone number decide: 00–79 delivered, 80–89 not delivered, 90–94 "
                "rejected, 95 opted out, 96 no balance, 97 delivered on the second attempt, 98 no response, 99 "
                "unreachable."
            ),
        ),
    )
    reports = Reports.POLLED
    tested = "contract"
    pretends = True
    rehearsals = (
        ("+447700900100", _("Delivered")),
        ("+447700900180", _("Not delivered")),
        ("+447700900190", _("Invalid number")),
        ("+447700900195", _("Opted out")),
        ("+447700900196", _("Balance used up")),
        ("+447700900197", _("Delivered after a retry")),
        ("+447700900198", _("Unknown")),
        ("+447700900199", _("Service unreachable")),
    )
    hints = {
        "number": Hint("invalid_number", _("Demo: numbers ending in 90 to 94 are rejected.")),
        "opt_out": Hint("opt_out", _("Demo: numbers ending in 95 have opted out.")),
        "balance": Hint(
            "balance", _("Demo: the balance is used up for numbers ending in 96. Select Test connection to reset it.")
        ),
        "absent": Hint("", _("Demo: phones with numbers ending in 80 to 89 are turned off.")),
    }

    def send(self, sms: Sms) -> Accepted:
        digits = re.sub(r"[^0-9]", "", sms.to)[-2:].zfill(2)
        outcome = int(digits)
        if 90 <= outcome <= 96:
            code = {95: "opt_out", 96: "balance"}.get(outcome, "number")
            raise error_for_code(code, "", self.hints)
        if outcome == 97:
            self._throttle_once(sms.reference)
        if outcome == 98:
            raise Uncertain(_("Demo: the service does not respond for numbers ending in 98."))
        if outcome == 99:
            raise Unreachable(_("Demo: the service is unreachable for numbers ending in 99."))
        return Accepted(ref=f"demo-{int(time.time())}-{digits}-{sms.reference}", parts=measure(sms.text).parts)

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        return [_report_by_age(ref, found) for ref in refs if (found := _REF.fullmatch(ref))]

    def check(self) -> Account:
        return Account(label=_("Demo"))

    def senders(self) -> list[str]:
        return ["DEMO"]

    def _throttle_once(self, reference: str) -> None:
        with self.memo.lock(reference):
            if self.memo.get(reference) is None:
                self.memo.put(reference, "throttled", FORGET_AFTER)
                raise Throttled(_("Demo: rate limit reached on the first attempt."), after=2.0)


def _report_by_age(ref: str, found: re.Match[str]) -> Report:
    age = time.time() - int(found["at"])
    if age < SENT_AFTER:
        return Report(ref=ref, status=Status.QUEUED, word="queued")
    if age < FINAL_AFTER:
        return Report(ref=ref, status=Status.SENT, word="sent")
    if 80 <= int(found["outcome"]) <= 89:
        return Report(ref=ref, status=Status.UNDELIVERED, word="undelivered", code="absent")
    return Report(ref=ref, status=Status.DELIVERED, word="delivered")
