"""What `manage.py check --deploy` warns about: the application runs without it, but should not be published so."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage

NAMES_THE_OPERATOR = ("OPERATOR_NAME", "OPERATOR_ADDRESS", "OPERATOR_EMAIL")


def register_checks() -> None:
    """Register every check of this module with Django."""
    checks.register(check_operator, deploy=True)


def check_operator(**_options: Any) -> list[CheckMessage]:
    """Warn where the privacy policy and the licence agreement would not say whose they are."""
    unset = [name for name in NAMES_THE_OPERATOR if not getattr(settings, name)]
    if not unset:
        return []
    return [
        checks.Warning(
            f"The privacy policy and the licence agreement do not name the operator: {', '.join(unset)} not set.",
            hint="Set them as .env.example says: Bitrix24 Market asks for both pages.",
            id="sendline.W001",
        )
    ]
