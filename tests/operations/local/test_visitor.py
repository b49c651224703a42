"""The visitor reads pages the way a browser's forms work."""

from http.client import HTTPMessage

import pytest

from b24app.operations.local.visitor import Form, Page, UnexpectedPage, find_form_to, find_form_with, find_forms

TEXT = """
<div hx-post="/p/1/install/run/"></div>
<form method="post" hx-post="/p/1/connect/">
  <input name="title" value="Main"><input type="checkbox" name="bulk">
  <input type="checkbox" name="safe" checked>
  <input type="radio" name="offer" value="A"><input type="radio" name="offer" value="B" checked>
  <select name="zone"><option value="UTC">UTC</option><option value="Asia/Almaty" selected>Almaty</option></select>
  <textarea name="note"></textarea>
</form>
<input name="outside" value="x">
"""


def page(text: str = TEXT, status: int = 200) -> Page:
    return Page("http://127.0.0.1:8000/p/1/", status, HTTPMessage(), text)


def test_a_form_holds_what_a_browser_would_send() -> None:
    fields = {"title": "Main", "safe": "on", "offer": "B", "zone": "Asia/Almaty", "note": ""}
    assert find_forms(page()) == [Form("/p/1/install/run/"), Form("/p/1/connect/", fields)]


def test_forms_are_found_by_fields_and_by_address() -> None:
    assert find_form_with(page(), "title", "zone").action == "/p/1/connect/"
    assert find_form_to(page(), "/install/run/").fields == {}


def test_a_page_without_the_form_is_shown_in_the_complaint() -> None:
    with pytest.raises(UnexpectedPage, match="/p/1/ has no form with nothing: sorry"):
        find_form_with(page("sorry"), "nothing")


def test_an_unexpected_status_is_a_complaint_with_the_page_in_it() -> None:
    with pytest.raises(UnexpectedPage, match="/p/1/ answered 503: sorry"):
        page("sorry", 503).expect_status(200, 204)
