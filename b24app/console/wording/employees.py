"""What employees are called on the screens: by their name where the portal has told it, else by their number."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext as _

from b24app.messaging import enqueue
from b24app.portals import employees
from b24app.portals.models import Portal


@dataclass(frozen=True, slots=True)
class People:
    """The employees that one screen or file shows: names by user id of those who have one, and the names of several."""

    names: Mapping[int, str]
    shared: frozenset[str] = frozenset()

    @classmethod
    def of(cls, portal: Portal, ids: Iterable[int | None]) -> Self:
        """Read what they are called; whom we do not know, or not any more, the portal is asked for meanwhile."""
        known = employees.stored_employees(portal, (one for one in ids if one))
        if known.due:
            enqueue.employee_names(portal.pk, known.due)
        counts = Counter(map(str.casefold, known.names.values()))
        return cls(known.names, frozenset(name for name, count in counts.items() if count > 1))

    def called(self, user_id: int) -> str:
        """Words for an employee; the number is with the name where another one here has the same."""
        name = self.names.get(user_id, "")
        if not name:
            return _("employee %(number)s") % {"number": user_id}
        return f"{name} ({user_id})" if name.casefold() in self.shared else name

    def in_order(self, ids: Iterable[int]) -> list[tuple[int, str]]:
        """Ids with their words, as people look them up: by name, then those who have none."""
        return [(one, self.called(one)) for one in sorted(ids, key=self._place)]

    def _place(self, user_id: int) -> tuple[bool, str, int]:
        name = self.names.get(user_id, "")
        return not name, name.casefold(), user_id
