"""How long a body says it is, before anything of it is read."""

from django.core.exceptions import BadRequest
from django.http import HttpRequest


def length(request: HttpRequest) -> int:
    """Bytes by Content-Length, 0 where it is missing; raises BadRequest, which Django answers with 400."""
    told = request.META.get("CONTENT_LENGTH") or "0"
    if not str(told).isdecimal():
        raise BadRequest
    return int(told)
