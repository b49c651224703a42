"""Template tags of the console: small marks that look and read the same on every screen."""

import zlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from babel.dates import format_date, format_time, format_timedelta
from babel.numbers import format_decimal
from django import template
from django.forms import BoundField
from django.template.context import RequestContext
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from b24app.console.formats import locales
from b24app.console.formats.locales import current as _locale
from b24app.console.formats.moments import short_moment
from b24app.console.formats.money import format_money
from b24app.console.frame.navigation import SECTIONS
from b24app.console.frame.screen import address
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Phase, Status, Wait
from providers.kit.phones import format_number, mask_number

register = template.Library()

STATUS_WORDS = {
    Status.QUEUED: gettext_lazy("Queued"),
    Status.SENT: gettext_lazy("Sent"),
    Status.DELIVERED: gettext_lazy("Delivered"),
    Status.UNDELIVERED: gettext_lazy("Not delivered"),
    Status.FAILED: gettext_lazy("Failed"),
}

# The condition of a sender, an account or the portal: class of the mark and word.
BADGES = {
    "working": ("ok", gettext_lazy("Active")),
    "attention": ("bad", gettext_lazy("Needs attention")),
    "off": ("off", gettext_lazy("Off")),
    "untested": ("", gettext_lazy("Not tested")),
    "active": ("ok", gettext_lazy("Active")),
    "paused": ("off", gettext_lazy("Paused")),
    "blocked": ("bad", gettext_lazy("Blocked by service")),
    "draft": ("", gettext_lazy("Draft")),
    "registering": ("info", gettext_lazy("Adding…")),
    "registered": ("ok", gettext_lazy("Available")),
    "refused": ("bad", gettext_lazy("Rejected by Bitrix24")),
    "copy-noticed": ("bad", gettext_lazy("Needs attention")),
    "copy-allowed": ("ok", gettext_lazy("Address allowed")),
    "copy-blocked": ("off", gettext_lazy("Address blocked")),
    "removing": ("info", gettext_lazy("Removing…")),
    "removed": ("off", gettext_lazy("Removed")),
}

TILES = ("blue", "green", "amber", "violet", "rose", "teal", "rust", "slate")


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """Render a mark of the sprite; decoration, so always beside words."""
    return format_html(
        '<svg class="{}" aria-hidden="true"><use href="{}#i-{}"/></svg>',
        f"icon {classes}".strip(),
        static("console/icons.svg"),
        name,
    )


@register.simple_tag
def status(message: Message, classes: str = "") -> SafeString:
    """Render a message's status: mark, word, colour. An unknown outcome is a question, not a sixth status."""
    if message.phase == Phase.UNKNOWN:
        kind, word = "unknown", _("Unknown")
    elif message.phase == Phase.WAITING and message.wait == Wait.SCHEDULED:
        kind, word = "queued", _("Scheduled")
    else:
        kind, word = message.status, str(STATUS_WORDS[Status(message.status)])
    return format_html('<span class="{}">{}{}</span>', f"status status--{kind} {classes}".strip(), icon(kind), word)


@register.simple_tag
def badge(state: str) -> SafeString:
    """Render the condition of a sender, an account or the portal; `state` is a key of BADGES."""
    kind, word = BADGES[state]
    return format_html('<span class="{}">{}</span>', f"badge badge--{kind}" if kind else "badge", word)


@register.simple_tag
def tile(title: str, classes: str = "") -> SafeString:
    """Two letters in a colour of their own, where another would put a logo."""
    colour = TILES[zlib.crc32(title.encode()) % len(TILES)]
    return format_html(
        '<span class="{}" aria-hidden="true">{}</span>', f"tile tile--{colour} {classes}".strip(), title[:2].title()
    )


@register.simple_tag
def number(value: float | Decimal | None) -> str:
    """Return a number as the reader writes it; a dash where there is none."""
    if isinstance(value, int):
        return locales.number(value)
    return "–" if value is None else format_decimal(value, locale=_locale())


@register.simple_tag
def percent(part: int, whole: int) -> str:
    """Return a rate with one decimal, "100%" only when it is true."""
    return locales.percent(part, whole)


@register.simple_tag
def duration(seconds: int | None) -> str:
    """Return a time that something takes at most; None: longer than all that reports tell apart."""
    return locales.at_most(seconds)


@register.simple_tag
def money(amount: Decimal | None, currency: str = "", places: int | None = None) -> SafeString:
    """Currency before the amount; a dash where nothing is known. `places` is the scale of its column."""
    if amount is None:
        return SafeString("–")
    return format_html('<bdi dir="ltr" class="nowrap">{}</bdi>', format_money(amount, currency, places))


@register.simple_tag
def phone(e164: str, masked: bool = False) -> SafeString:  # noqa: FBT001, FBT002 - a template calls it by name
    """Return a number in international form, left to right; masked: the country code and the last two digits only."""
    shown = mask_number(e164) if masked else format_number(e164)
    return format_html('<bdi dir="ltr" class="nowrap">{}</bdi>', shown)


@register.filter
def day(value: date | datetime) -> str:
    """Return a day, of a time that of the portal's zone: Nov 18, 2026."""
    return locales.day(timezone.localtime(value) if isinstance(value, datetime) else value)


@register.simple_tag
def moment(value: datetime | None, form: str = "short") -> SafeString:
    """Return a time in the portal's zone: `short` Nov 18, 14:36; `clock` 14:36:07; `exact` with milliseconds."""
    if value is None:
        return format_html('<span class="muted">{}</span>', pgettext("time", "never"))
    local = timezone.localtime(value)
    match form:
        case "clock":
            shown = format_time(local, "HH:mm:ss", locale=_locale())
        case "exact":
            shown = f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"  # Babel makes a thousand of the last half
        case _:
            shown = short_moment(value)
    return _time(value, shown)


@register.simple_tag
def ago(value: datetime | None) -> SafeString:
    """How long ago, for what is younger than twelve hours; a day and a time beyond."""
    if value is None:
        return format_html('<span class="muted">{}</span>', pgettext("time", "never"))
    age = timezone.now() - value
    if age > timedelta(hours=12):
        return moment(value)
    if age < timedelta(seconds=2):
        return _time(value, _("just now"))
    return _time(value, format_timedelta(-age, add_direction=True, format="short", locale=_locale(), threshold=1.5))


def _time(value: datetime, shown: str) -> SafeString:
    local = timezone.localtime(value)
    full = f"{format_date(local, 'long', locale=_locale())}, {local:%H:%M:%S} {local.tzname()}"
    return format_html('<time datetime="{}" title="{}">{}</time>', value.astimezone(UTC).isoformat(), full, shown)


@register.inclusion_tag("console/parts/form_field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """Render a form field with its label, hint and error; a hint on the label row is the widget's `data-note`."""
    return _dressed(bound)


@register.inclusion_tag("console/parts/field_control.html")
def control(bound: BoundField) -> dict[str, Any]:
    """Render the control of a form field and its error alone, for a row that has its words elsewhere."""
    return _dressed(bound)


def _dressed(bound: BoundField) -> dict[str, Any]:
    attrs = bound.field.widget.attrs
    kind = bound.field.widget.__class__.__name__
    is_box = kind not in {"CheckboxInput", "RadioSelect", "CheckboxSelectMultiple"}
    control = bound.as_widget(attrs={"class": f"input {attrs.get('class', '')}".strip()} if is_box else {})
    return {"field": bound, "control": control, "kind": kind, "note": attrs.get("data-note", "")}


@register.inclusion_tag("console/parts/copy_field.html")
def copy(value: str, label: str) -> dict[str, str]:
    """Render a value to be pasted elsewhere, with a button that copies it; `label` names it to a screen reader."""
    return {"value": value, "label": label}


@register.inclusion_tag("console/parts/navigation.html", takes_context=True)
def bar(context: RequestContext, *, out_of_band: bool = False) -> dict[str, Any]:
    """Render the places of the console; `out_of_band` when it comes along with a screen."""
    request = context["request"]
    entries = [
        {"section": section, "href": address(request.portal, section.name)}
        for section in SECTIONS
        if section.for_employees or request.visitor.is_admin
    ]
    home = address(request.portal, "home")
    for entry in entries:
        href = entry["href"]
        entry["is_current"] = request.path == href or (href != home and request.path.startswith(str(href)))
    current = [entry for entry in entries if entry["is_current"]]
    for entry in entries:
        entry["is_among_four"] = entry in _visible_tabs(entries, current, 4)
        entry["is_among_five"] = entry in _visible_tabs(entries, current, 5)
    return {"entries": entries, "has_more": len(entries) > 4, "out_of_band": out_of_band}


def _visible_tabs(entries: list[dict[str, Any]], current: list[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """Return the tabs that a narrow bar has room for: the first ones, of which the last yields to the current one."""
    first = entries[:room]
    return first if all(entry in first for entry in current) else first[:-1] + current


@register.simple_tag(takes_context=True)
def screen(context: RequestContext, name: str, **arguments: Any) -> str:
    """Return the path of a screen in this portal's frame."""
    return address(context["request"].portal, name, **arguments)
