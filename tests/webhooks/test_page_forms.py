"""Forms of pages are parsed as Django parses them, and take no large multiple of their length."""

import threading
from io import BytesIO
from urllib.parse import quote_plus

import pytest
from django.core.exceptions import TooManyFieldsSent
from django.http import QueryDict
from django.test import RequestFactory

from b24app.webhooks.page_forms import FORM_CONTENT_TYPE, FormRequest, read_form
from tests.webhooks.test_request_body import at_most


def request(body: bytes, content_type: str = FORM_CONTENT_TYPE, method: str = "POST") -> FormRequest:
    environ = RequestFactory().generic(method, "/app/", body, content_type=content_type).environ
    return FormRequest({**environ, "wsgi.input": BytesIO(body)})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"a=1&b=2&a=3",
        b"empty=&alone&c=%3D%26+x",
        f"name={quote_plus('Привет, мир & all')}&x[y]=1".encode(),
        b"broken=%zz%4&half=%D0",
        "straight=Ж".encode(),
    ],
)
def test_a_form_is_what_django_reads_of_it(body: bytes) -> None:
    assert dict(request(body).POST.lists()) == dict(QueryDict(body).lists())


def test_other_bodies_are_left_to_django() -> None:
    parts = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n'
    assert request(parts, "multipart/form-data; boundary=x").POST.dict() == {"a": "1"}
    assert request(b"{}", "application/json").POST.dict() == {}


def test_more_fields_than_any_form_has_are_refused() -> None:
    with pytest.raises(TooManyFieldsSent):
        read_form(b"a=1&" * 1_000)
    assert len(read_form(b"a=1&" * 999 + b"a=1").getlist("a")) == 1_000


def test_a_form_does_not_change() -> None:
    with pytest.raises(AttributeError):
        read_form(b"a=1")["a"] = "2"


@pytest.mark.parametrize("piece", [b"%", b"%41", b"+"])
def test_sixteen_forms_of_nothing_but_escapes_are_read_in_a_few_megabytes(piece: bytes) -> None:
    body = b"AUTH_ID=" + piece * (64_000 // len(piece))
    with at_most(16):
        threads = [threading.Thread(target=read_form, args=(body,)) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
