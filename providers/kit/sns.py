"""Messages that Amazon SNS sends to an HTTPS address: their envelope and its signature."""

import base64
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256

from providers.kit.contract import Call, Unreadable
from providers.kit.errors import Forged

_SNS_HOST = r"https://sns\.[a-z]{2}(?:-[a-z]+){1,3}-[0-9]{1,2}\.amazonaws\.com"
CERTIFICATE_URL = re.compile(rf"{_SNS_HOST}/SimpleNotificationService-[A-Za-z0-9]{{1,64}}\.pem")
SUBSCRIBE_URL = re.compile(rf"{_SNS_HOST}/\?Action=ConfirmSubscription&[A-Za-z0-9&=:_.%-]{{1,2000}}")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
# SNS stamps a message once and repeats it for at most 3600 s: docs.aws.amazon.com/sns/latest/dg/
# sns-message-delivery-retries.html; five minutes more for the clocks.
_REPEATED_FOR = 3600 + 300


def verify_envelope(envelope: Mapping[str, str], at: float, get_key: Callable[[str], RSAPublicKey]) -> None:
    """Raise `Forged` unless SNS signed the envelope, at a time near the Unix time `at`.

    `get_key` returns the key of a certificate by its address; it is asked only where all else is right.
    """
    names = [name for name in _SIGNED.get(envelope.get("Type", ""), ()) if name in envelope]
    hashing = {"1": SHA1, "2": SHA256}.get(envelope.get("SignatureVersion", ""))
    if not names or hashing is None or not _is_recent(envelope.get("Timestamp", ""), at):
        raise Forged
    signed = "".join(f"{name}\n{envelope[name]}\n" for name in names).encode("utf-8", "replace")
    key = get_key(envelope.get("SigningCertURL", ""))
    try:
        key.verify(base64.b64decode(envelope.get("Signature", ""), validate=True), signed, PKCS1v15(), hashing())
    except (InvalidSignature, ValueError):
        raise Forged from None


def read_public_key(pem: str) -> RSAPublicKey:
    """Return the key of a certificate that is valid now; raise `Forged`."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise Forged from None
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or certificate.not_valid_after_utc < datetime.now(UTC):
        raise Forged
    return key


def read_envelope(call: Call) -> dict[str, str]:
    """Return the texts of a call's envelope, {} where its body is no object."""
    try:
        body = call.json()
    except Unreadable:
        return {}
    return {name: value for name, value in body.items() if isinstance(value, str)} if isinstance(body, dict) else {}


def _is_recent(stamp: str, at: float) -> bool:
    try:
        moment = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(at - moment.timestamp()) <= _REPEATED_FOR
