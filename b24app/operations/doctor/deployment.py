"""Checks of how this installation is run, as it is configured."""

from collections.abc import Iterator

from django.conf import settings

from b24app.operations.doctor.findings import Finding, error, ok, warning

AT_LEAST_ONE = ("ACCOUNTS_PER_PORTAL", "SMPP_ACCOUNTS_PER_PORTAL", "KEEP_CHANGES_DAYS")
MIN_SPOOL_MB = 16
NAMES_THE_OPERATOR = ("OPERATOR_NAME", "OPERATOR_ADDRESS", "OPERATOR_EMAIL")


def check_debug() -> Iterator[Finding]:
    """Find DEBUG."""
    if settings.DEBUG:
        yield error("DEBUG is on, so an error page shows code and data to anybody.", "Set DEBUG=False.")
    else:
        yield ok("DEBUG is off.")


def check_demo() -> Iterator[Finding]:
    """Find that the demonstration service is offered, as moderators of the market need it."""
    if settings.DEMO:
        yield warning(
            "DEMO is on: administrators can connect a service that only pretends to send.",
            "Set DEMO=False unless this installation is shown to moderators.",
        )


def check_numbers() -> Iterator[Finding]:
    """Find numbers with which nothing could be kept or connected."""
    if settings.SPOOL_MAX_MB < MIN_SPOOL_MB:
        yield error(
            f"SPOOL_MAX_MB is {settings.SPOOL_MAX_MB}, so calls are lost while the database is away.",
            f"Set it to {MIN_SPOOL_MB} or more; 512 is the default.",
        )
    for name in AT_LEAST_ONE:
        if getattr(settings, name) < 1:
            yield error(f"{name} is {getattr(settings, name)}.", "Set it to 1 or more, or leave it out.")
    if settings.DATABASES["default"].get("CONN_MAX_AGE", 0) < 0:
        yield error("DATABASE_CONN_MAX_AGE is negative.", "Set it to 0 behind PgBouncer, else to 300.")


def check_operator() -> Iterator[Finding]:
    """Find that the privacy policy and the licence agreement would not say whose they are."""
    unset = [name for name in NAMES_THE_OPERATOR if not getattr(settings, name)]
    if unset:
        yield warning(
            f"The privacy policy and the licence agreement do not name the operator: {', '.join(unset)} not set.",
            "Set them as docs/configuration.md says: Bitrix24 Market asks for both pages.",
        )
    else:
        yield ok("The privacy policy and the licence agreement name the operator.")
