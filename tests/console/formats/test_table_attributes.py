"""The attributes that keep a table a table for a screen reader when the style sheet turns it into cards."""

import re

import pytest
from django.conf import settings
from django.template import Context, Template
from django.utils import translation

ROLE = re.compile(r"role=[\"'](table|rowgroup|row|cell|columnheader|rowheader)[\"']")


def render(source: str, **context: object) -> str:
    return Template(source).render(Context(context))


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("<table {% table_attrs %}>", '<table role="table">'),
        ("<tbody {% row_group_attrs %}>", '<tbody role="rowgroup">'),
        ("<tr {% row_attrs %}>", '<tr role="row">'),
        ("<th {% column_header_attrs %}>", '<th role="columnheader" scope="col">'),
        ("<th {% row_header_attrs %}>", '<th role="rowheader" scope="row">'),
        ('<th {% row_header_attrs scope="colgroup" %}>', '<th role="rowheader" scope="colgroup">'),
        ("<td {% cell_attrs %}>", '<td role="cell">'),
        ('<td {% cell_attrs _("Sender") %}>', '<td role="cell" data-label="Sender">'),
    ],
)
def test_each_part_of_a_table_states_its_role(source: str, written: str) -> None:
    assert render(source) == written


def test_the_label_of_a_cell_is_translated() -> None:
    with translation.override("de"):
        assert render('{% cell_attrs _("Sender") %}') == 'role="cell" data-label="Absender"'


def test_a_label_that_came_from_outside_is_escaped() -> None:
    assert render("{% cell_attrs label %}", label='"><b>') == 'role="cell" data-label="&quot;&gt;&lt;b&gt;"'


def test_rows_of_figures_have_the_same_attributes() -> None:
    html = render('{% figure_rows rows "All" "Failed" %}', rows=[("Nov <18>", ("7", "2"))])
    assert html == (
        '<tr role="row"><th role="rowheader" scope="row">Nov &lt;18&gt;</th>'
        '<td role="cell" data-label="All" class="n">7</td><td role="cell" data-label="Failed" class="n">2</td></tr>'
    )


def test_no_template_writes_the_roles_of_a_table_by_hand() -> None:
    found = [path for path in (settings.BASE_DIR / "templates").rglob("*.html") if ROLE.search(path.read_text())]
    assert found == []
