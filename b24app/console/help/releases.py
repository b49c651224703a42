"""What is new, for users and in their language; the changelog in the repository is for operators.

A test compares versions and days with CHANGELOG.md, and the newest version with pyproject.toml.
"""

from dataclasses import dataclass
from datetime import date

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Release:
    """A version with what users notice of it; without a version: what came since the newest."""

    version: str
    day: date | None
    notes: tuple[str | Promise, ...]


RELEASES = (
    Release(
        "",
        None,
        (
            _("See who paused, edited, removed or exported something, and undo it where possible: Settings > Changes."),
            _("Help has a search and an article for each service and topic."),
            _("All texts are shorter and use the words of Bitrix24."),
        ),
    ),
    Release(
        "1.0.0",
        date(2026, 11, 30),
        (
            _("Connect your own account at one of 32 services and send SMS from Bitrix24 through it."),
            _("Every message shows its attempts, delivery reports and the reason for a failure."),
            _("Reports show volume, delivery rate, delivery time and costs by sender, country and employee."),
            _("Set sending limits and quiet hours, and keep an opt-out list."),
            _("Read and write messages in the Sendline tab of CRM items."),
            _("Receive a notification in Bitrix24 about outages, low balances and messages to review."),
        ),
    ),
)
VERSION = next(one.version for one in RELEASES if one.version)
