"""How employees are named on the screens: by the name that the portal has reported, else by user id."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from django.utils.translation import gettext as _

from b24app.messaging import enqueue
from b24app.portals import employees
from b24app.portals.models import Portal


@dataclass(frozen=True, slots=True)
class EmployeeNames:
    """Names for one screen or file: `names` by user id, and the names in it that more than one employee has."""

    names: Mapping[int, str]
    shared: frozenset[str] = frozenset()

    @classmethod
    def load(cls, portal: Portal, ids: Iterable[int | None]) -> Self:
        """Return cached names, and enqueue a lookup of the missing and the stale ones."""
        cached = employees.stored_employees(portal, (one for one in ids if one))
        if cached.due:
            enqueue.employee_names(portal.pk, cached.due)
        counts = Counter(map(str.casefold, cached.names.values()))
        return cls(cached.names, frozenset(name for name, count in counts.items() if count > 1))

    def display_name(self, user_id: int) -> str:
        """Return an employee's name, with the user id where another one here has the same name."""
        name = self.names.get(user_id, "")
        if not name:
            return _("Employee %(number)s") % {"number": user_id}
        return f"{name} ({user_id})" if name.casefold() in self.shared else name

    def actor_name(self, user_id: int | None) -> str:
        """Return who acted: an employee, or Sendline itself where there is none."""
        return _("Sendline") if user_id is None else self.display_name(user_id)

    def sorted_choices(self, ids: Iterable[int]) -> list[tuple[int, str]]:
        """Return pairs of id and name: by name, as people look for them, nameless employees last."""
        return [(one, self.display_name(one)) for one in sorted(ids, key=self._sort_key)]

    def _sort_key(self, user_id: int) -> tuple[bool, str, int]:
        name = self.names.get(user_id, "")
        return not name, name.casefold(), user_id
