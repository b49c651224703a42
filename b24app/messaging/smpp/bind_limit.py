"""How many accounts the open files of this process allow to be bound."""

import resource

from providers.kit.i18n import _

FILES_OF_A_BIND = 3  # the wire, and the pair by which its thread is woken
RESERVED = 128  # for the database, Redis, the spool, names that are looked up
NO_ROOM = "no_room"  # why an account is not bound
NO_ROOM_WORDS = _("All SMPP connections of this installation are in use. Contact Sendline support.")


def raise_limit() -> None:
    """Let this process open as many files as it may without anybody's leave."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def most_binds() -> int:
    """Return how many binds there may be, at least one."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = soft if soft != resource.RLIM_INFINITY else 1_000_000
    return max(1, (files - RESERVED) // FILES_OF_A_BIND)
