"""The sections of the console, in the order of the navigation bar."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


@dataclass(frozen=True, slots=True)
class Section:
    """An entry of the bar. `name` is the URL name of its first screen; `title` is translated when it is shown."""

    name: str
    title: object
    icon: str
    for_employees: bool = False


SECTIONS = (
    Section("home", pgettext_lazy("place", "Home"), "home", for_employees=True),
    Section("journal", _("Messages"), "journal", for_employees=True),
    Section("reports", _("Reports"), "report"),
    Section("senders", _("Senders"), "sender"),
    Section("stoplist", _("Opt-outs"), "stop"),
    Section("settings", _("Settings"), "settings"),
    Section("help", _("Help"), "help", for_employees=True),
)
