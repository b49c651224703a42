"""Addresses of the tab on a CRM card: sealed by the launch, which has asked the portal what the visitor may read.

What is in one cannot be spelled by hand, belongs to one visitor of one portal, and is not to be read in a log.
"""

import json
import zlib
from datetime import timedelta

from django.core import signing

from b24app.core.sealing import CannotOpen, seal, unseal
from b24app.portals.crm_cards import Entity, Phone
from b24app.portals.models import Portal

LIFETIME = timedelta(hours=12)  # rights that were taken away count after that, or when the card is opened again
SALT = "b24app.console.card"


class BadCard(Exception):
    """Not an address of this visitor's; `expired` where it only has become too old."""

    def __init__(self, *, expired: bool = False) -> None:
        super().__init__()
        self.expired = expired


def sign(entity: Entity, portal: Portal, user_id: int) -> str:
    """The part of an address that stands for an entity, for this visitor and twelve hours; of URL-safe characters."""
    phones = [[phone.e164, phone.kind, phone.owner] for phone in entity.phones]
    said = [portal.uuid.hex, user_id, entity.type_id, entity.id, entity.title, phones]
    return _signer().sign(seal(zlib.compress(json.dumps(said).encode())).decode())


def read(signed: str, portal: Portal, user_id: int) -> Entity:
    """The entity an address stands for; raises BadCard."""
    try:
        sealed = _signer().unsign(signed, max_age=LIFETIME)
        key, user, type_id, number, title, phones = json.loads(zlib.decompress(unseal(sealed.encode())))
    except signing.SignatureExpired:
        raise BadCard(expired=True) from None
    except (signing.BadSignature, CannotOpen, ValueError, TypeError, zlib.error):
        raise BadCard from None
    if (key, user) != (portal.uuid.hex, user_id):
        raise BadCard
    return Entity(type_id, number, title, tuple(Phone(*phone) for phone in phones))


def _signer() -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=SALT)
