"""One task sends one message, one task tells one status."""

import time
from collections.abc import Mapping
from urllib.parse import urlencode

import requests
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from bench.baseline.models import Exchange, Message, Sender

TIMEOUT = (5, 30)


@shared_task
def send(message_id: int) -> None:
    """Hand a message to the service."""
    message = Message.objects.select_related("sender").get(pk=message_id)
    sender = message.sender
    url = f"{sender.base_url}/2010-04-01/Accounts/{sender.account_sid}/Messages.json"
    form = {
        "To": message.to,
        "From": sender.number,
        "Body": message.text,
        "StatusCallback": f"{settings.PUBLIC_URL}/r/{message.reference.hex}/",
    }
    started = time.monotonic()
    auth = (sender.account_sid, Sender.unseal(sender.auth_token))
    response = requests.post(url, data=form, auth=auth, timeout=TIMEOUT)
    _keep(message, url, form, response, started)
    receipt = response.json()
    if response.status_code == 201:
        message.status, message.ref, message.parts = "sent", receipt["sid"], int(receipt["num_segments"])
        message.sent_at = timezone.now()
    else:
        message.status, message.error = "failed", str(receipt.get("message", ""))[:300]
    message.save()


@shared_task
def tell(message_id: int) -> None:
    """Tell the portal what became of a message."""
    message = Message.objects.select_related("sender").get(pk=message_id)
    sender = message.sender
    url = f"{sender.endpoint}messageservice.message.status.update.json"
    fields = {"CODE": sender.code, "MESSAGE_ID": message.message_id, "STATUS": message.status}
    started = time.monotonic()
    # The one authority of the stub: to load certifi's whole bundle, as the real portals would need, costs far more.
    response = requests.post(
        url, json={**fields, "auth": Sender.unseal(sender.access)}, timeout=TIMEOUT, verify=settings.PORTAL_CA_FILE
    )
    _keep(message, url, fields, response, started)
    if response.status_code == 200:
        message.pushed = message.status
        message.save(update_fields=["pushed"])


def _keep(message: Message, url: str, asked: Mapping[str, str], response: requests.Response, started: float) -> None:
    Exchange.objects.create(
        message=message,
        method="POST",
        url=url,
        status=response.status_code,
        ms=round((time.monotonic() - started) * 1000),
        request=urlencode(asked),
        response=response.text[:4096],
    )
