"""How many accounts the open files of this process allow to be bound."""

import resource

from providers.kit.i18n import _

FILES_PER_BIND = 3  # the socket, and the pair that wakes its thread
RESERVED_FILES = 128  # for the database, Redis, the spool, DNS
NO_ROOM = "no_room"  # why an account is not bound
NO_ROOM_WORDS = _("All SMPP connections of this installation are in use. Contact Sendline support.")


def raise_file_limit() -> None:
    """Raise this process's limit of open files to the hard limit."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def max_binds() -> int:
    """Return how many accounts may be bound, at least one."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = soft if soft != resource.RLIM_INFINITY else 1_000_000
    return max(1, (files - RESERVED_FILES) // FILES_PER_BIND)
