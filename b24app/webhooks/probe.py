"""A handler call that stores nothing: it shows that calls arrive, and that this process knows our keys."""

import time

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from b24app.core import signed_urls

GOOD_FOR = 60.0  # seconds; as much for clocks that differ


@csrf_exempt
def answer_probe(_request: HttpRequest, moment: int, mac: str) -> HttpResponse:
    """Respond with a signature of our own and this process's clock; 403 to strangers, and once the address is old."""
    is_ours = signed_urls.is_signed_by_us(mac, "probe", str(moment))
    if not is_ours or abs(time.time() - moment) > GOOD_FOR:
        return HttpResponse(status=403)
    proof = signed_urls.sign_address("probed", str(moment))
    return HttpResponse(f"{proof} {time.time():.3f}", content_type="text/plain")
