"""The claim to one file of the journal, and how far its writing is."""

import json
from dataclasses import asdict, dataclass
from typing import Self

import redis
from django.http import Http404

from b24app.console.frame import download_tokens
from b24app.console.frame.file_downloads import SILENT_SECONDS
from b24app.core.redis import redis_client
from b24app.portals.models import Portal

PURPOSE = "journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who may take which messages out: an administrator of a portal (uuid), by filters as addresses have them."""

    portal: str
    user: int
    is_admin: bool
    filters: str
    language: str
    job: str

    def sealed(self) -> str:
        """What stands for it in an address for a minute; a number among the filters cannot be read there."""
        return download_tokens.sealed(PURPOSE, asdict(self))

    @classmethod
    def opened(cls, token: str) -> Self:
        """Read it; Http404 for anything else than a good one of an administrator."""
        try:
            return cls(**download_tokens.opened(PURPOSE, token))
        except TypeError:
            raise Http404 from None


@dataclass(frozen=True, slots=True)
class Progress:
    """How many rows are written; `over` when no more come, `whole` if that are all."""

    rows: int
    over: bool = False
    whole: bool = False


def tell(portal: Portal, job: str, progress: Progress) -> None:
    """Write down how far a file is. It is only told to people, so nothing depends on Redis."""
    try:
        redis_client().set(_key(portal, job), json.dumps(asdict(progress)), ex=SILENT_SECONDS)
    except redis.RedisError:
        return


def told(portal: Portal, job: str) -> Progress | None:
    """How far a file is; None where nobody writes it, or nobody knows."""
    try:
        value = redis_client().get(_key(portal, job))
    except redis.RedisError:
        return None
    return Progress(**json.loads(value)) if isinstance(value, bytes) else None


def _key(portal: Portal, job: str) -> str:
    return f"export:{portal.uuid.hex}:{job}"
