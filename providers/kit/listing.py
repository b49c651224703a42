"""What the catalogue says and draws of a service, besides what its code tells."""

from dataclasses import dataclass
from enum import StrEnum


class SenderIds(StrEnum):
    """What a sender ID may be at a service, as its page in docs/services says."""

    ANY = "any"
    """Numbers and names; its page knows of no approval."""
    REGISTERED = "registered"
    """Names that the service has approved."""
    ACCOUNT = "account"
    """What the account is allowed; its page says no more."""
    SHARED = "shared"
    """Names that the service has approved, and one that it lends to everybody."""
    NUMBERS = "numbers"
    """Phone numbers and short codes, no names."""
    ASSIGNED = "assigned"
    """One that belongs to the credentials, so there is nothing to choose."""
    GATEWAY = "gateway"
    """Whatever the gateway or the service behind it accepts."""


class Group(StrEnum):
    """Where a service stands in the catalogue."""

    SERVICE = "service"
    EQUIPMENT = "equipment"
    """For what a company runs itself, and for services that are not in the catalogue."""


class Colour(StrEnum):
    """The colour families of the style sheet, each with a light and a dark pair."""

    AMBER = "amber"
    BLUE = "blue"
    GREEN = "green"
    ROSE = "rose"
    RUST = "rust"
    SLATE = "slate"
    TEAL = "teal"
    VIOLET = "violet"


@dataclass(frozen=True, slots=True)
class Mark:
    """A simple figure of our own drawing, never a logo: one SVG path in a square of 24, filled evenodd."""

    colour: Colour
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The card of a service.

    `about` is one sentence, true of no other service: what it is known for. `other_names` are found by the search too:
    former names, products, other alphabets. `channel` is what it sends. Names are not translated.
    """

    about: str = ""
    other_names: tuple[str, ...] = ()
    sender_ids: SenderIds = SenderIds.ANY
    channel: str = "SMS"
    group: Group = Group.SERVICE
    mark: Mark | None = None
