"""How it shows that the database is away, for everybody who has to wait for it."""

from django.db import InterfaceError, InternalError, OperationalError

# InternalError: after a failover, a primary that has become read-only.
AWAY = (OperationalError, InterfaceError, InternalError)
