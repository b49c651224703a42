"""The contract of a service: what the application asks of it, and the small types that pass between them."""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, TypedDict, Unpack

from providers.kit.errors import Forged, Hint
from providers.kit.fields import BadField, Field, Secret, Step
from providers.kit.http import Http
from providers.kit.listing import Listing
from providers.kit.memo import Memo


class Status(StrEnum):
    """The five statuses of a message that Bitrix24 knows."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"


class Reports(StrEnum):
    """How the status of a message becomes known: the service calls us, we ask, or never."""

    PUSHED = "pushed"
    POLLED = "polled"
    NONE = "none"


class Scope(StrEnum):
    """Whether a report address goes along with every message or is set once for the account."""

    MESSAGE = "message"
    ACCOUNT = "account"


class Proof(StrEnum):
    """How a call proves to come from the service.

    SIGNED: always by the service's own signature or secret. KEYED: by it where the account holds the key, else as
    ADDRESS. ADDRESS: only by our address, whose path carries a MAC that was checked before; nothing is signed.
    """

    SIGNED = "signed"
    KEYED = "keyed"
    ADDRESS = "address"


class Unreadable(ValueError):
    """A report call whose body is not what its content type says; answered with 400, and nothing is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """One text to one number. `to` is E.164 with +, `reference` is ours, 32 hex characters, the same for a repeat."""

    to: str
    text: str
    reference: str
    sender: str = ""
    report_url: str = ""
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A receipt. `refs` only where each part has its own id; `price` is a positive cost of the whole message."""

    ref: str = ""
    refs: tuple[str, ...] = ()
    parts: int | None = None
    price: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a service reports about a message, found by `ref` (its id) or `reference` (ours).

    `word` is the service's own; `status` is None for one we do not know; `reason` is of the kit, where `code` is known.
    """

    ref: str = ""
    reference: str = ""
    recipient: str = ""
    status: Status | None
    word: str
    code: str = ""
    detail: str = ""
    reason: str = ""
    price: Decimal | None = None
    currency: str = ""

    @property
    def fingerprint(self) -> str:
        """Return 64 hex characters, the same for the same word about the same message however often it comes."""
        identity = (self.ref, self.reference, self.recipient, self.word, self.code)
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


class Details(TypedDict, total=False):
    """What a report may hold besides the service's words and what they mean; see `Report`."""

    ref: str
    reference: str
    recipient: str
    detail: str
    price: Decimal | None
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """A message a person sent to one of our numbers."""

    sender: str
    recipient: str
    text: str
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The result of a credentials check; `balance` is None where the service does not give one."""

    label: str = ""
    balance: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a service wants to read back after a report."""

    status: int = 200
    body: str = ""
    content_type: str = "text/plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call from a service. `url` is the exact public address, query included, as the service called it.

    `at` is the Unix time of its arrival: it may have waited on disk since, so a replay window is measured from there.
    """

    method: str
    url: str
    query: Mapping[str, Sequence[str]]
    form: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.time)

    def header(self, name: str) -> str:
        """Return a header whatever its case, `""` if absent."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")

    def value(self, name: str) -> str:
        """Return the first value of that name in the form, then in the query, else `""`."""
        return (self.form.get(name) or self.query.get(name) or [""])[0]

    def json(self) -> object:
        """Return the parsed body; raise `Unreadable`."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Unreadable("The body is not JSON.") from None


class Provider:
    """One service. Subclass it in `providers/<code>.py`; see providers/README.md.

    The application makes one for every send as `service(account, http.hiding(number=…, text=…, address=…), memo)`,
    so a service need not think of redaction. Methods run in threads and share nothing but `http` and `memo`.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    docs: ClassVar[str]
    billing: ClassVar[str] = ""
    """The page where the administrator tops up the account; empty where there is none that all accounts share."""
    countries: ClassVar[tuple[str, ...]] = ()
    """ISO codes of its home countries; empty means worldwide."""
    listing: ClassVar[Listing] = Listing()
    fields: ClassVar[tuple[Field, ...]] = ()
    sender_fields: ClassVar[tuple[Field, ...]] = ()
    """Fields of a sender; their values arrive as `Sms.options`."""
    setup: ClassVar[tuple[Step, ...]] = ()
    reports: ClassVar[Reports]
    report_scope: ClassVar[Scope] = Scope.MESSAGE
    speaks: ClassVar[str] = "http"
    """Anything else keeps a connection of its own, in a process of its own: nobody calls `send` or `read_reports`."""
    proof: ClassVar[Proof] = Proof.SIGNED
    verifies_online: ClassVar[bool] = False
    """Whether `verify` or `read_reports` may ask the service something: few of those run at once."""
    identified_by: ClassVar[tuple[str, ...]] = ()
    """Names of the fields that identify the account, so that nobody connects one twice."""
    repeat_window: ClassVar[timedelta] = timedelta(0)
    """How long the service recognises our reference, so that a repeat is not sent twice."""
    rate: ClassVar[float] = 10.0
    """Messages per second and account, unless the administrator says otherwise."""
    concurrency: ClassVar[int] = 8
    known_by_reference: ClassVar[bool] = False
    """Whether `look_up` also answers for our own reference."""
    max_text: ClassVar[int] = 1600  # characters of a text
    hints: ClassVar[Mapping[str, Hint]] = MappingProxyType({})
    """The service's own codes, each with a sentence on what the administrator can do."""
    statuses: ClassVar[Mapping[str, Status]] = MappingProxyType({})
    """The service's status words, each with the status it stands for; see `report`."""
    failure_statuses: ClassVar[Mapping[str, Status]] = MappingProxyType({})
    """Codes that say more precisely than a word for `Status.FAILED` what became of the message."""
    tested: ClassVar[str]  # "live", "contract" (against a published specification) or "unverified"
    rehearsals: ClassVar[tuple[tuple[str, str], ...]] = ()  # test numbers of a demo service, each with its result
    pretends: ClassVar[bool] = False
    """Sends nothing, needs no account and no network; shown only where demonstrations are wanted."""

    def __init__(self, account: Mapping[str, str], http: Http, memo: Memo) -> None:
        # A field that was added after the account was saved has its default, so a service may index freely.
        self.account: Mapping[str, str] = {one.name: one.default for one in self.fields} | dict(account)
        self.http = http
        self.memo = memo

    @classmethod
    def can(cls, verb: str) -> bool:
        """Whether this service overrides an optional verb, e.g. `can("look_up")`."""
        return getattr(cls, verb) is not getattr(Provider, verb)

    @classmethod
    def secrets(cls, account: Mapping[str, str]) -> tuple[str, ...]:
        """Return the values of an account that must be struck out of everything kept (`Http(secrets=…)`)."""
        return tuple(account[one.name] for one in cls.fields if isinstance(one, Secret) and account.get(one.name))

    @classmethod
    def private_words(cls, account: Mapping[str, str]) -> frozenset[str]:  # noqa: ARG003 (an overriding service needs it)
        """Return single words, in lower case, that are struck from what the service says though no field is secret."""
        return frozenset()

    @classmethod
    def mistakes(cls, account: Mapping[str, str]) -> Mapping[str, BadField]:  # noqa: ARG003 (as above)
        """Return what is wrong with fields that are each right by themselves, by name of the field."""
        return {}

    @classmethod
    def recognises_for(cls, account: Mapping[str, str]) -> timedelta:  # noqa: ARG003 (an overriding service may need it)
        """Return how long this very account recognises our reference; `repeat_window` unless an account can differ."""
        return cls.repeat_window

    @classmethod
    def report(cls, word: str, *, code: str | None = None, **details: Unpack[Details]) -> Report:
        """Return the report that a status word stands for; without a `code`, a word that has a hint is its own code."""
        if code is None:
            code = word if word in cls.hints else ""
        status, reason = cls.statuses.get(word), cls.hints[code].reason if code in cls.hints else ""
        status = cls.failure_statuses.get(code, status) if status is Status.FAILED else status
        if details.get("price") is None:
            details.pop("currency", None)  # there is nothing it could be the currency of
        return Report(status=status, word=word, code=code, reason=reason, **details)

    def send(self, sms: Sms) -> Accepted:
        """Hand a message over; raise one of `kit.errors` for any other end than acceptance."""
        raise NotImplementedError

    def verify(self, call: Call) -> None:  # noqa: ARG002 (an overriding service needs the call)
        """Raise `Forged` unless the call surely comes from the service; refuses unless `proof` is the address."""
        if self.proof is not Proof.ADDRESS:
            raise Forged

    def read_reports(self, call: Call) -> list[Report]:
        """Return what a verified call says; words we do not know stay unknown. May raise `Unreadable`."""
        raise NotImplementedError

    def answer(self, call: Call) -> Answer:  # noqa: ARG002 (as above)
        """Return what the service wants to read back."""
        return Answer()

    def look_up(self, refs: Sequence[str]) -> list[Report]:
        """Ask for the status of messages by ref; those the service does not know are left out. Optional."""
        raise NotImplementedError

    def read_inbound(self, call: Call) -> list[Inbound]:
        """Return the messages from people in a verified call. Optional."""
        raise NotImplementedError

    def check(self) -> Account:
        """Find out whether the credentials are good; raise `AccountBlocked` if not. Optional."""
        raise NotImplementedError

    def senders(self) -> list[str]:
        """List the numbers and names this account may send from. Optional."""
        raise NotImplementedError
