"""What beat does besides its schedule: it does not start in an installation where nothing else would."""

from typing import Any

from celery.signals import beat_init

from b24app.operations.starting import check_can_start


@beat_init.connect
def refuse_unsafe_start(**_: Any) -> None:
    """Raise SystemExit, which Celery lets through, where no process may start."""
    check_can_start(needs_disk=False)
