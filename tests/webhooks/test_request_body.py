"""How much of a body is read, and that parsing takes no large multiple of its length."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from django.test import Client

from b24app.core import signed_urls
from b24app.messaging.models import Connection, DeliveryReport, Message, Sender
from b24app.portals.models import Portal
from b24app.webhooks import php_form
from tests.handler_calls import FORM, path, post


@contextmanager
def at_most(megabytes: float) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < megabytes * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("piece", [b"%", b"%4", b"%41", b"%41x", b"%zz", b"+%", b"x"])
def test_what_is_escaped_is_read_in_one_pass_and_as_the_library_reads_it(piece: bytes) -> None:
    body = piece * (256 * 1024 // len(piece))
    with at_most(4):
        [(_name, value)] = php_form.read_pairs(b"a=" + body)
    assert value == unquote_to_bytes(body.replace(b"+", b" ")).decode("utf-8", "replace")


@pytest.mark.parametrize("before", range(9))
@pytest.mark.parametrize("after", [b"%D0%AF" * 3, b"%%%41%%42", b"%4%41"])
def test_no_escape_is_cut_in_two_where_a_stretch_ends(before: int, after: bytes) -> None:
    body = b"x" * (php_form.STRETCH_SIZE - before) + after
    assert [value for _name, value in php_form.read_pairs(b"a=" + body)] == [unquote_to_bytes(body).decode()]


@pytest.mark.parametrize("piece", ["[", "{", "[],", '{"a":', "[[", "1,", '{"a":1},'])
@pytest.mark.django_db
def test_json_of_nothing_but_structure_is_refused_before_it_is_built(sender: Sender, piece: str) -> None:
    body = f'{{"message_id": "m1", "x": [{piece * (900_000 // len(piece))}'
    with at_most(16):
        assert post(sender, body, "application/json") == 413
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_a_call_of_a_very_long_text_is_taken(sender: Sender) -> None:
    text = "ก" * 20_000  # nine bytes each, and a call holds it twice
    assert post(sender, {"message_id": "m1", "message_body": text, "properties[message_text]": text}) == 200
    assert Message.objects.get().text == text


@pytest.mark.django_db
def test_a_report_of_too_many_values_is_refused(portal: Portal) -> None:
    account = {"username": "u", "password": "p", "base_url": "https://x.example"}
    connection = Connection.objects.create(portal=portal, service="demo", title="Demo", account=account)
    at = urlsplit(signed_urls.report_url(connection.uuid.hex)).path
    for body in ("[" * 100_000, "<a>" * 100_000, '{"a":1},' * 50_000):
        assert Client().post(at, body, content_type="application/json").status_code == 413
    assert not DeliveryReport.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["/app/", "/install/", "/card/", "/session/"])
def test_a_page_parses_no_more_than_a_form(page: str) -> None:
    body = "AUTH_ID=" + "%" * 1_000_000
    with at_most(16):
        assert Client().post(page, body, content_type=FORM).status_code in (400, 413)


@pytest.mark.django_db
def test_a_call_too_long_is_counted_for_the_portal(sender: Sender) -> None:
    answer = Client().post(path(sender), "x" * (1024 * 1024 + 1), content_type=FORM)
    assert (answer.status_code, Portal.objects.get().refused_calls) == (413, 1)
