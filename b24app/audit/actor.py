"""Who acts: set around a request, read where a change is recorded. Without one Sendline acts by itself."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Actor:
    """A user of the portal, or nobody: Sendline itself. `recorded` collects what was recorded in their name."""

    user_id: int | None = None
    undoes: uuid.UUID | None = None
    recorded: list[uuid.UUID] = field(default_factory=list)


_actor: ContextVar[Actor | None] = ContextVar("actor", default=None)


@contextmanager
def acting_as(user_id: int | None, *, undoes: uuid.UUID | None = None) -> Iterator[Actor]:
    """Record the changes of the block in a user's name; with `undoes` as the reversal of that change."""
    actor = Actor(user_id, undoes)
    token = _actor.set(actor)
    try:
        yield actor
    finally:
        _actor.reset(token)


def current_actor() -> Actor:
    """Return who acts now."""
    return _actor.get() or Actor()
