"""What `manage.py check --deploy` says of the settings: the same as a process that starts, in Django's words."""

from collections.abc import Callable
from typing import Any

from django.core import checks
from django.core.checks import CheckMessage

from b24app.operations.doctor import local_checks
from b24app.operations.doctor.findings import Check, Level

LEVELS = {Level.WARNING: checks.Warning, Level.ERROR: checks.Error}


def register_checks() -> None:
    """Register every check that reads settings alone; where an installation is published, others run beside them."""
    for check in local_checks.LOCAL:
        if not check.needs_disk:
            checks.register(_as_django_check(check), deploy=True)


def _as_django_check(check: Check) -> Callable[..., list[CheckMessage]]:
    def run(**_options: Any) -> list[CheckMessage]:
        return [
            LEVELS[finding.level](finding.says, hint=finding.mend, id=f"sendline.{check.name}")
            for finding in check.find()
            if finding.level in LEVELS
        ]

    return run
