"""Links to pages of the portal itself: buttons that have the portal's page open a path (docs/frame.md 8)."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

_BUTTON = (
    '<button class="{}" type="button" data-portal="openPath" dir="auto" data-with=\'{{"path": "{}"}}\'>{}</button>'
)


@register.simple_tag
def portal_link(words: str, path: str, classes: str = "linkbtn") -> SafeString:
    """Render words that open one of the portal's pages."""
    return format_html(_BUTTON, classes, path, words)


@register.simple_tag
def employee_link(name: str, user_id: int | str) -> SafeString:
    """Render a name that opens the employee's page."""
    return portal_link(name, f"/company/personal/user/{user_id}/")
