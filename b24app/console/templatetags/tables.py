"""Tags for the attributes of tables that the style sheet turns into cards where the frame is narrow.

A table that is displayed as anything else loses its roles for assistive technology, so each part states its own.
"""

from collections.abc import Iterable, Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def table_attrs() -> SafeString:
    """Return the attributes of a `<table>`."""
    return SafeString('role="table"')


@register.simple_tag
def row_group_attrs() -> SafeString:
    """Return the attributes of a `<thead>`, `<tbody>` or `<tfoot>`."""
    return SafeString('role="rowgroup"')


@register.simple_tag
def row_attrs() -> SafeString:
    """Return the attributes of a `<tr>`."""
    return SafeString('role="row"')


@register.simple_tag
def column_header_attrs() -> SafeString:
    """Return the attributes of a `<th>` above a column."""
    return SafeString('role="columnheader" scope="col"')


@register.simple_tag
def row_header_attrs(scope: str = "row") -> SafeString:
    """Return the attributes of a `<th>` beside its cells; `scope` is what it heads, such as "colgroup"."""
    return format_html('role="rowheader" scope="{}"', scope)


@register.simple_tag
def cell_attrs(label: str = "") -> SafeString:
    """Return the attributes of a `<td>`; `label` is its column's heading, shown beside the value in a card."""
    return format_html('role="cell" data-label="{}"', label) if label else SafeString('role="cell"')


@register.simple_tag
def link_if(text: str, href: str) -> str:
    """Return a text as a link, or as it is where it leads nowhere; to be filled into a sentence too."""
    return format_html('<a href="{}">{}</a>', href, text) if href else text


@register.simple_tag
def figure_rows(rows: Iterable[tuple[str, Sequence[str]]], *labels: str) -> SafeString:
    """Return a row for each heading with its figures, one for each label; in one go, for a year has 366 rows."""
    cells = format_html_join("", '<td {} class="n">{{}}</td>', ((cell_attrs(label),) for label in labels))
    row = f"<tr {row_attrs()}><th {row_header_attrs()}>{{}}</th>{cells}</tr>"
    return format_html_join("", row, ((heading, *figures) for heading, figures in rows))
