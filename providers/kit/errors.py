"""What can go wrong with a message; the class of the error tells the application what to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from providers.kit.i18n import _

Reason = Literal[
    "",
    "auth",
    "balance",
    "blocked",
    "duplicate",
    "invalid_number",
    "invalid_request",
    "opt_out",
    "rejected",
    "throttled",
    "uncertain",
    "unreachable",
]


@dataclass(frozen=True, slots=True)
class Hint:
    """What a service's own code means: the kit's reason, a sentence saying what to do, and where to read on.

    An empty reason is for codes that only explain a delivery report.
    """

    reason: Reason
    text: str
    link: str = ""


def _replace_unwritable(words: str) -> str:
    """Return words that a page and a column can hold: JSON may spell NUL and half a surrogate pair."""
    return words.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


class SmsError(Exception):
    """Base of all verdicts. `words` and `code` are the service's own, `after` is in seconds.

    Words that come from outside must have been struck (see `Reply.refusal`): they are stored and shown.
    """

    sentence: ClassVar[str] = _("The message could not be sent.")
    default_reason: ClassVar[str] = ""

    def __init__(
        self,
        words: str = "",
        *,
        code: str = "",
        reason: str = "",
        hint: str = "",
        link: str = "",
        after: float | None = None,
    ) -> None:
        self.words, self.code = _replace_unwritable(words), _replace_unwritable(code)
        super().__init__(self.words)
        self.reason = reason or self.default_reason
        self.hint = hint
        self.link = link
        self.after = after

    def __str__(self) -> str:
        code = f"(code {self.code})" if self.code else ""
        return " ".join(part for part in (self.words or self.sentence, code, self.hint) if part)


class Rejected(SmsError):
    """This message will never go. `reason`: invalid_number, blocked, opt_out, invalid_request, duplicate, rejected."""

    sentence = _("The service rejected the message.")
    default_reason = "rejected"


class AccountBlocked(SmsError):
    """Nothing goes through this account until a person acts. `reason`: auth or balance."""

    sentence = _("The service rejected this account.")
    default_reason = "auth"


class Throttled(SmsError):
    """Not taken because too much was sent; may be repeated `after` so many seconds, where the service says so."""

    sentence = _("The service asked us to slow down.")
    default_reason = "throttled"


class Unreachable(SmsError):
    """Surely not taken: no connection came about. May be repeated."""

    sentence = _("The service is not reachable.")
    default_reason = "unreachable"


class Uncertain(SmsError):
    """The request left and no verdict came: it may have been taken, so a repeat may send twice."""

    sentence = _("The service did not confirm the message.")
    default_reason = "uncertain"


class Forged(SmsError):
    """A call that claims to come from the service and does not prove it."""

    sentence = _("The request did not come from the service.")
    default_reason = "forged"


_BY_REASON: Mapping[str, type[SmsError]] = {
    "auth": AccountBlocked,
    "balance": AccountBlocked,
    "throttled": Throttled,
    "uncertain": Uncertain,
    "unreachable": Unreachable,
}


def error_for_code(code: str, words: str, hints: Mapping[str, Hint], *, after: float | None = None) -> SmsError:
    """Return (not raise) the error that a service's own code stands for; an unknown code is a plain `Rejected`."""
    hint = hints.get(code)
    if hint is None:
        return Rejected(words, code=code, after=after)
    kind = _BY_REASON.get(hint.reason, Rejected)
    return kind(words, code=code, reason=hint.reason, hint=hint.text, link=hint.link, after=after)
