"""Links from the figures, bars and lines of a portal into its list of messages, which then shows what they count."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Self, Unpack

from b24app.console.formats.periods import Period
from b24app.console.journal.links import NONE, Conditions, messages_url
from b24app.messaging.models import Connection
from b24app.messaging.statistics.demo_accounts import is_demo
from b24app.portals.models import Portal

COUNTED, RATED, CANCELED, FAILED = "counted", "rated", "canceled", "failed-only"
DELIVERED, UNDELIVERED, IN_PROGRESS = "delivered", "undelivered", "sent"


@dataclass(frozen=True, slots=True)
class MessageLinks:
    """Addresses of the list, narrowed as the figures around are; `without` is the demo service, if it was used."""

    portal: Portal
    since: date | None = None
    until: date | None = None
    sender: str = ""
    service: str = ""
    without: str = ""

    @classmethod
    def of_portal(cls, portal: Portal) -> Self:
        """Return links for figures of a whole portal."""
        services = Connection.objects.filter(portal=portal).values_list("service", flat=True)
        return cls(portal, without=next((one for one in services if is_demo(one)), ""))

    def within(self, period: Period) -> Self:
        """Return links for figures of these days."""
        return replace(self, since=period.first, until=period.last)

    def url(self, status: str, /, **more: Unpack[Conditions]) -> str:
        """Return the address of the messages of a status group; `more` narrows them further."""
        conditions: Conditions = {"status": status}
        if self.since and self.until:
            conditions["since"], conditions["until"] = self.since, self.until
        if self.sender:
            conditions["sender"] = self.sender
        if self.service:
            conditions["service"] = self.service
        conditions |= more
        if self.without and not ("sender" in conditions or "service" in conditions):
            conditions["without"] = self.without
        return messages_url(self.portal, **conditions)

    def of_line(self, by: str, key: str) -> Conditions:
        """Return the conditions of a line of a breakdown; `key` is a uuid, a code or a user id, "" for none."""
        match by:
            case "sender":
                return {"sender": key}
            case "service":
                return {"service": key}
            case "country":
                return {"country": key or NONE}
            case "source":
                return {"source": key}
            case _:
                return {"employee": key or NONE}
