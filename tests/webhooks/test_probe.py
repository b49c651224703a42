"""The probe proves that calls arrive and keys agree; it stores nothing, and answers no stranger."""

import time
from urllib.parse import urlsplit

import pytest
from django.test import Client
from pytest_django import Settings

from b24app.core import signed_urls, spool
from b24app.exchange_log.models import Exchange
from b24app.messaging.models import Message


def probe(moment: int) -> str:
    return urlsplit(signed_urls.probe_url(moment)).path


@pytest.mark.django_db
def test_it_answers_with_a_signature_and_its_clock_and_stores_nothing(client: Client) -> None:
    now, waiting = int(time.time()), spool.waiting_records()
    answer = client.post(probe(now), {"message_id": "m1", "message_to": "+12025550101"})
    proof, _, clock = answer.content.decode().partition(" ")
    assert answer.status_code == 200
    assert signed_urls.is_signed_by_us(proof, "probed", str(now))
    assert abs(float(clock) - now) < 10
    assert not Message.objects.exists()
    assert not Exchange.objects.exists()
    assert spool.waiting_records() == waiting


def test_a_stranger_an_old_address_and_another_key_are_refused(client: Client, settings: Settings) -> None:
    now = int(time.time())
    assert client.post(f"/h/probe/{now}/{'A' * 22}/").status_code == 403
    assert client.post(probe(now - 120)).status_code == 403
    assert client.post(probe(now + 120)).status_code == 403
    elsewhere = probe(now)
    settings.ADDRESS_KEYS = ["another-key"]
    assert client.post(elsewhere).status_code == 403


def test_its_address_opens_no_handler_and_a_handler_no_probe(client: Client) -> None:
    now = int(time.time())
    mac = signed_urls.sign_address("handler", "probe", str(now))
    assert client.post(f"/h/probe/{now}/{mac}/").status_code == 403
