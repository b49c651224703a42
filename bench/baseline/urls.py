"""The two doors of the straightforward design, and the bare view that intake is measured against."""

import base64
import hashlib
import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone

from bench.baseline.models import Message, Sender
from bench.baseline.tasks import send, tell


def insert(request: HttpRequest, sender: int) -> HttpResponse:
    """Handle a call with one ORM insert and nothing else."""
    form = request.POST
    Message.objects.create(
        sender_id=sender, message_id=form["message_id"], to=form["message_to"], text=form["message_body"]
    )
    return HttpResponse()


def handle(request: HttpRequest, uuid: str) -> HttpResponse:
    """Handle a message of the portal: a row and a task."""
    form = request.POST
    message = Message.objects.create(
        sender=Sender.objects.get(uuid=uuid),
        message_id=form["message_id"],
        to=form["message_to"],
        text=form["message_body"],
        author_id=int(form["auth[user_id]"]),
    )
    send.delay(message.pk)
    return HttpResponse()


def report(request: HttpRequest, reference: str) -> HttpResponse:
    """Handle a signed report of the service: an update and a task."""
    message = Message.objects.select_related("sender").get(reference=reference)
    form = request.POST
    signed = f"{settings.PUBLIC_URL}{request.path}" + "".join(name + form[name] for name in sorted(form))
    token = Sender.unseal(message.sender.auth_token).encode()
    signature = base64.b64encode(hmac.digest(token, signed.encode(), hashlib.sha1)).decode()
    if not hmac.compare_digest(signature, request.headers["X-Twilio-Signature"]):
        return HttpResponse(status=403)
    message.status, message.final_at = form["MessageStatus"], timezone.now()
    message.save(update_fields=["status", "final_at"])
    tell.delay(message.pk)
    return HttpResponse()


urlpatterns = [
    path("insert/<int:sender>/", insert),
    path("h/<str:uuid>/", handle),
    path("r/<str:reference>/", report),
]
