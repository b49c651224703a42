"""What the header of a toast says to the page."""

import json

from django.http import HttpResponse

from b24app.console.frame.screen import ToastAction, with_toast


def _told(action: ToastAction | None) -> object:
    return json.loads(with_toast(HttpResponse(), "Sender paused", action)["HX-Trigger"])


def test_a_toast_has_words_alone() -> None:
    assert _told(None) == {"toast": {"words": "Sender paused"}}


def test_a_toast_may_lead_to_a_screen() -> None:
    action = ToastAction("View", "/p/0/senders/")
    assert _told(action) == {"toast": {"words": "Sender paused", "label": "View", "path": "/p/0/senders/"}}


def test_a_toast_may_hold_a_form() -> None:
    action = ToastAction("Undo", "/p/0/undo/", {"once": "sealed"})
    assert _told(action) == {
        "toast": {"words": "Sender paused", "label": "Undo", "path": "/p/0/undo/", "fields": {"once": "sealed"}}
    }


def test_letters_of_every_language_fit_into_a_header() -> None:
    response = with_toast(HttpResponse(), "Отправитель приостановлен", ToastAction("Отменить", "/p/0/", {}))
    assert response["HX-Trigger"].isascii()
    assert json.loads(response["HX-Trigger"])["toast"]["label"] == "Отменить"
