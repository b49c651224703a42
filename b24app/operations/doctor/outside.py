"""Checks of this installation from outside in, and of the authorisation servers from inside out."""

import socket
from collections.abc import Iterator
from http.client import HTTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from b24app.core import signed_urls
from b24app.operations.doctor.addresses import is_private_address, public_host
from b24app.operations.doctor.clock import compare_clocks
from b24app.operations.doctor.findings import Finding, count_of, error, ok, warning
from b24app.operations.doctor.https_client import Untrusted, ask_https, describe_network_error

EXPIRES_SOON, EXPIRES_AT_ONCE = 14, 3  # days
PORT = 443
AWAY = (OSError, HTTPException)


def check_dns() -> Iterator[Finding]:
    """Find a host of PUBLIC_URL that has no address, or one that only this network reaches."""
    host = public_host()
    try:
        found = {str(row[4][0]) for row in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        yield error(f"{host}, the host of PUBLIC_URL, has no address.", "Enter one at the name server of its domain.")
        return
    shown = ", ".join(sorted(found))
    if all(is_private_address(address) for address in found):
        yield warning(
            f"{host} has the address {shown}, which only this network reaches.", "Look whether it has another outside."
        )
    else:
        yield ok(f"{host} has the address {shown}.")


def check_tls() -> Iterator[Finding]:
    """Find a certificate that Bitrix24 and browsers would refuse, now or soon; and pages that do not insist on TLS."""
    mend = "Let the proxy send a valid certificate with its whole chain."
    try:
        answer = ask_https(*_public_place(), "/app/")
    except Untrusted as refused:
        yield error(f"The certificate of PUBLIC_URL is refused: {refused}.", mend)
        return
    except AWAY as failure:
        yield error(
            f"PUBLIC_URL does not answer from here ({describe_network_error(failure)}).",
            "Look whether the proxy and `web` run; some networks do not let a machine ask for its own public address.",
        )
        return
    if answer.days_left < EXPIRES_SOON:
        say = error if answer.days_left < EXPIRES_AT_ONCE else warning
        yield say(f"The certificate of PUBLIC_URL expires in {count_of(answer.days_left, 'day')}.", "Renew it.")
    else:
        yield ok(f"PUBLIC_URL answers over {answer.version}; its certificate is valid for {answer.days_left} days.")
    if answer.status != 200:
        yield error(f"The page at PUBLIC_URL/app/ answers {answer.status}.", "Look into the log of `web`.")
    elif "strict-transport-security" not in answer.headers:
        yield warning(
            "Pages do not say that they are to be read over TLS only.",
            "Let the proxy set X-Forwarded-Proto, and name it in TRUSTED_PROXIES.",
        )


def check_oauth_hosts() -> Iterator[Finding]:
    """Find authorisation servers that do not answer: tokens could not be renewed."""
    for host in settings.B24_OAUTH_HOSTS:
        name, _, port = host.partition(":")
        try:
            answer = ask_https(name, int(port or PORT), "/", through_proxy=True)
        except Untrusted as refused:
            yield error(
                f"The certificate of {host} is refused: {refused}.", "Look what stands between, and EXTRA_CA_FILE."
            )
        except (*AWAY, ValueError) as failure:
            yield error(
                f"{host} does not answer ({describe_network_error(failure)}), so tokens cannot be renewed.",
                "Let this machine reach it at port 443.",
            )
        else:
            yield ok(f"{host} answers over {answer.version}.")


def check_handler_call() -> Iterator[Finding]:
    """Find that a handler call would not arrive: one is made to a probe, which stores nothing."""
    moment = int(timezone.now().timestamp())
    try:
        answer = ask_https(*_public_place(), urlsplit(signed_urls.probe_url(moment)).path, "POST")
    except Untrusted as refused:
        yield error(f"No handler call arrives: the certificate is refused ({refused}).", "See the check of TLS.")
        return
    except AWAY as failure:
        yield error(f"No handler call arrives ({describe_network_error(failure)}).", "Look whether `webhooks` runs.")
        return
    proof, _, clock = answer.body.partition(" ")
    if answer.status == 403:
        yield error(
            "A handler call with a signature of ours is refused.", "Give the same ADDRESS_KEYS to all processes."
        )
    elif answer.status != 200 or not signed_urls.is_signed_by_us(proof, "probed", str(moment)):
        yield error(
            f"A handler call does not reach Sendline: {answer.status} from something else.",
            "Let the proxy pass /h/, /r/ and /e/ to `webhooks` as they are; see docs/proxy.",
        )
    else:
        yield ok("A handler call arrives, and its signature is accepted.")
        yield compare_clocks("the process that took it", float(clock), moment, timezone.now().timestamp())


def _public_place() -> tuple[str, int]:
    return public_host(), urlsplit(settings.PUBLIC_URL).port or PORT
