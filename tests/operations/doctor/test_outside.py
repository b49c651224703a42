"""What the doctor sees from outside in: name, certificate, pages, a handler call; and from inside out: OAuth."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme
from pytest_django import Settings

from b24app.operations.doctor import outside
from tests.operations.doctor.outside import proxying, something_else
from tests.operations.doctor.production import configure
from tests.operations.doctor.running import run_doctor

pytestmark = pytest.mark.django_db(transaction=True)

CERTIFICATE = "Let the proxy send a valid certificate with its whole chain."


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"host": "other.example.com"},
            "error   tls: The certificate of PUBLIC_URL is refused: it is for another host.",
        ),
        ({"days": -1}, "error   tls: The certificate of PUBLIC_URL is refused: it has expired."),
        ({"days": 1}, "error   tls: The certificate of PUBLIC_URL expires in 1 day."),
        ({"days": 10}, "warning tls: The certificate of PUBLIC_URL expires in 10 days."),
    ],
)
def test_a_certificate_that_is_or_will_be_refused(
    place: Callable[[int], None], authority: trustme.CA, options: dict[str, Any], says: str
) -> None:
    with proxying(authority, **options) as port:
        place(port)
        lines, _ = run_doctor("--only", "tls")
    assert lines == [f"{says} {CERTIFICATE if 'refused' in says else 'Renew it.'}"]


def test_an_authority_that_nobody_trusts(place: Callable[[int], None]) -> None:
    with proxying(trustme.CA()) as port:
        place(port)
        lines, code = run_doctor("--only", "tls", "handler-call", "oauth")
    why = "its chain is incomplete, or ends in an authority that nobody else trusts"
    assert code == 2
    assert lines == [
        f"error   tls: The certificate of PUBLIC_URL is refused: {why}. {CERTIFICATE}",
        f"error   handler-call: No handler call arrives: the certificate is refused ({why}). See the check of TLS.",
        (
            f"error   oauth: The certificate of 127.0.0.1:{port} is refused: {why}. "
            "Look what stands between, and EXTRA_CA_FILE."
        ),
    ]


def test_a_proxy_that_leads_elsewhere(place: Callable[[int], None], authority: trustme.CA) -> None:
    with proxying(authority, something_else) as port:
        place(port)
        lines, _ = run_doctor("--only", "tls", "handler-call", "--quiet")
    assert lines == [
        (
            "warning tls: Pages do not say that they are to be read over TLS only. "
            "Let the proxy set X-Forwarded-Proto, and name it in TRUSTED_PROXIES."
        ),
        (
            "error   handler-call: A handler call does not reach Sendline: 200 from something else. "
            "Let the proxy pass /h/, /r/ and /e/ to `webhooks` as they are; see docs/proxy."
        ),
    ]


def test_nobody_at_the_public_address(place: Callable[[int], None]) -> None:
    place(1)
    lines, code = run_doctor("--only", "tls", "handler-call", "oauth")
    assert code == 2
    assert [line.partition(" (")[0] for line in lines] == [
        "error   tls: PUBLIC_URL does not answer from here",
        "error   handler-call: No handler call arrives",
        "error   oauth: 127.0.0.1:1 does not answer",
    ]


def test_a_host_that_has_no_address(settings: Settings, tmp_path: Path) -> None:
    configure(settings, tmp_path, PUBLIC_URL="https://sendline.invalid")
    assert [finding.says for finding in outside.check_dns()] == [
        "sendline.invalid, the host of PUBLIC_URL, has no address."
    ]
