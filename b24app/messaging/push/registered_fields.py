"""What the portal is told about a sender besides its code and type."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from b24app.core import signed_urls
from b24app.messaging.models import Sender


def is_current(sender: Sender) -> bool:
    """Return whether the portal has the sender as we would register it now."""
    return sender.registered_as == registration_digest(registration_fields(sender))


def find_registered_key(sender: Sender) -> int | None:
    """Return the place of the key that signed the address which the portal calls; None where that cannot be told."""
    keys = range(len(settings.ADDRESS_KEYS))
    for generation in dict.fromkeys((sender.generation, sender.oldest_generation)):
        for key in keys:
            fields = registration_fields(sender, generation=generation, key=key)
            if sender.registered_as == registration_digest(fields):
                return key
    return None


def registration_fields(sender: Sender, *, generation: int | None = None, key: int = 0) -> dict[str, Any]:
    """Return what is registered besides code and type; an object of descriptions needs an object of names.

    With the sender's newest address, or that of another generation or key.
    """
    generation = sender.generation if generation is None else generation
    return {
        "HANDLER": signed_urls.handler_url(sender.uuid.hex, generation, key=key),
        "NAME": _by_language(sender.names) or {"en": sender.code},
        "DESCRIPTION": _by_language(sender.descriptions) or _by_language(sender.names),
    }


def _by_language(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts with English first: the portal shows the first entry in all other languages.

    The portal's language codes have two letters.
    """
    return {
        key: texts[key] for key in sorted(texts, key=lambda key: (key != "en", key)) if len(key) == 2 and texts[key]
    }


def registration_digest(wording: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(wording, sort_keys=True).encode()).hexdigest()
