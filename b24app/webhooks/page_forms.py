"""Parsing forms of pages in one pass: Django's own parser takes 200 bytes for each escape in a body."""

from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from b24app.webhooks import php_form

FORM_CONTENT_TYPE = "application/x-www-form-urlencoded"


def read_form(body: bytes) -> QueryDict:
    """Return the fields of a urlencoded body as `request.POST` has them. Raise TooManyFieldsSent."""
    max_fields = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    if body.count(b"&") >= max_fields:
        raise TooManyFieldsSent
    form = QueryDict(mutable=True)
    for name, value in php_form.read_pairs(body) if body else ():
        form.appendlist(name, value)
    form._mutable = False
    return form


class FormRequest(WSGIRequest):
    """A request whose urlencoded form takes memory of a small multiple of its length."""

    def _load_post_and_files(self) -> None:
        if self.method == "POST" and self.content_type == FORM_CONTENT_TYPE:
            self._post: QueryDict = read_form(self.body)
            self._files: MultiValueDict[str, Any] = MultiValueDict()
        else:
            super()._load_post_and_files()


class PagesHandler(WSGIHandler):
    """Django's handler with such requests."""

    request_class = FormRequest
