"""What the portal is told about a sender besides its code and type."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from b24app.core import signed_urls
from b24app.messaging.models import Sender


def is_current(sender: Sender) -> bool:
    """Return whether the portal has the sender as we would register it now."""
    return sender.registered_as == registration_digest(registration_fields(sender))


def registration_fields(sender: Sender) -> dict[str, Any]:
    """Return what is registered besides code and type; an object of descriptions needs an object of names."""
    return {
        "HANDLER": signed_urls.handler_url(sender.uuid.hex, sender.generation),
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
