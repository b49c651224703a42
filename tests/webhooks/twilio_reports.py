"""Delivery reports as Twilio signs and sends them."""

import base64
import hashlib
import hmac
from urllib.parse import urlencode, urlsplit

from django.test import Client

from b24app.core import signed_urls
from b24app.messaging.models import Message

TOKEN = "a-token-of-alices"


def signature(url: str, fields: dict[str, str], token: str = TOKEN) -> str:
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def report(message: Message, token: str = TOKEN, **changed: str) -> int:
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+12025550147", **changed}
    url = signed_urls.report_url(message.connection.uuid.hex, message.reference.hex)
    headers = {"X-Twilio-Signature": signature(url, fields, token)}
    data, form = urlencode(fields), "application/x-www-form-urlencoded"
    return Client().post(urlsplit(url).path, data, content_type=form, headers=headers).status_code
