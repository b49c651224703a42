"""What an address asks a report for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Self
from urllib.parse import urlencode

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from b24app.console.formats.periods import Period
from b24app.console.formats.query_values import read_choice, read_service, read_uuid

DIMENSIONS: Mapping[str, str | Promise] = {
    "sender": _("Sender"),
    "service": _("Service"),
    "country": _("Country"),
    "source": _("Source"),
    "employee": _("Employee"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportParams:
    """The parameters of a report. Empty text means all; `sender` is a uuid, `by` a key of DIMENSIONS."""

    period: Period
    sender: str = ""
    service: str = ""
    by: str = "sender"

    @classmethod
    def from_query(cls, query: Mapping[str, str], today: date) -> Self:
        """Read the query of an address; values that make no sense are ignored."""

        return cls(
            period=Period.from_query(query, today),
            sender=read_uuid(query.get("sender", "")),
            service=read_service(query.get("service", "")),
            by=read_choice(query.get("by", ""), DIMENSIONS) or "sender",
        )

    @property
    def query_values(self) -> dict[str, str]:
        """Return the parameters as an address has them, without the defaults."""
        narrowed = {"sender": self.sender, "service": self.service, "by": "" if self.by == "sender" else self.by}
        return {name: value for name, value in {**self.period.query, **narrowed}.items() if value}

    def written(self, **changes: str) -> str:
        """Return the query of an address with these parameters, changed."""
        return urlencode({name: value for name, value in {**self.query_values, **changes}.items() if value})
