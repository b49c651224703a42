"""Times as plain text, in the portal's zone and the reader's language."""

from datetime import datetime

from babel.dates import format_time
from django.utils import timezone
from django.utils.translation import gettext as _

from b24app.console.formats import locales


def short_moment(value: datetime) -> str:
    """Return a time in the portal's zone: today, 14:36."""
    local = timezone.localtime(value)
    return f"{_name_day(local)}, {format_time(local, 'short', locale=locales.current())}"


def _name_day(local: datetime) -> str:
    days = (timezone.localdate() - local.date()).days
    if days == 0:
        return _("today")
    if days == 1:
        return _("yesterday")
    if days == -1:
        return _("tomorrow")
    return locales.short_day(local) if days < 300 else locales.day(local)
