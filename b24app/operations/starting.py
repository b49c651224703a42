"""Checks before a process serves: one that would seem healthy yet fail or leak exits with clear messages instead.

Run before a worker consumes its queue, before a web server opens its port, and before beat's first beat.
"""

import structlog
from django.conf import settings

from b24app.core.configuration.refusal import refuse_to_start
from b24app.operations import spool_adoption
from b24app.operations.doctor import local_checks
from b24app.operations.doctor.findings import Level

log = structlog.get_logger(__name__)


def check_can_start(*, needs_disk: bool = True) -> None:
    """Raise SystemExit, with a sentence for each thing the operator has to mend, where this process may not serve.

    Settings with which it may, but which an operator should know of, are logged.
    """
    errors = []
    for check in local_checks.LOCAL:
        is_left_out = (check.is_for_production and settings.DEVELOPMENT) or (check.needs_disk and not needs_disk)
        for finding in () if is_left_out else check.find():
            if finding.level is Level.ERROR:
                errors.append(str(finding))
            elif finding.level is Level.WARNING:
                log.warning("configuration_warning", check=check.name, says=str(finding))
    if errors:
        refuse_to_start(errors)
    if needs_disk:
        _hold_spool()


def _hold_spool() -> None:
    try:
        spool_adoption.hold_spool()
    except OSError as failure:
        why = failure.strerror or type(failure).__name__
        refuse_to_start([f"SPOOL_DIR, {settings.SPOOL_DIR}, cannot be held ({why}). Wait until it has been adopted."])
