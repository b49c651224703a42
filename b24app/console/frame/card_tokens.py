"""Tokens in the addresses of the tab on a CRM card, made when the portal has said what the visitor may read.

A token is encrypted and signed: it cannot be forged, belongs to one visitor of one portal, and reveals nothing in a
log.
"""

import json
import zlib
from datetime import timedelta

from django.core import signing

from b24app.core.sealing import CannotOpen, seal, unseal
from b24app.portals.crm.cards import Entity, Phone
from b24app.portals.models import Portal

LIFETIME = timedelta(hours=12)  # revoked rights take effect after that, or when the card is opened again
SALT = "b24app.console.card"


class BadCard(Exception):
    """The address is not this visitor's; `expired` where it is only too old."""

    def __init__(self, *, expired: bool = False) -> None:
        super().__init__()
        self.expired = expired


def seal_card_token(entity: Entity, portal: Portal, user_id: int) -> str:
    """Return a URL-safe token that stands for an entity, for this visitor and twelve hours."""
    phones = [[phone.e164, phone.kind, phone.owner, phone.first_name] for phone in entity.phones]
    claims = [portal.uuid.hex, user_id, entity.type_id, entity.id, entity.title, phones, dict(entity.values)]
    packed = json.dumps(claims, ensure_ascii=False, separators=(",", ":")).encode()
    return _make_signer().sign(seal(zlib.compress(packed)).decode())


def read_card_token(signed: str, portal: Portal, user_id: int) -> Entity:
    """Return the entity that a token stands for; raises BadCard."""
    try:
        sealed = _make_signer().unsign(signed, max_age=LIFETIME)
        claims = json.loads(zlib.decompress(unseal(sealed.encode())))
        key, user, type_id, number, title, phones, *more = claims  # a token from before the fields has no values
    except signing.SignatureExpired:
        raise BadCard(expired=True) from None
    except (signing.BadSignature, CannotOpen, ValueError, TypeError, zlib.error):
        raise BadCard from None
    if (key, user) != (portal.uuid.hex, user_id):
        raise BadCard
    return Entity(type_id, number, title, tuple(Phone(*phone) for phone in phones), *more)


def _make_signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=SALT)
