"""Bitrix24's language codes and ours."""

from django.conf import settings

# Where Bitrix24's code is not Django's (docs/bitrix24.md G.7); all others are the same.
DJANGO_CODES = {
    "la": "es",
    "br": "pt-br",
    "vn": "vi",
    "kz": "kk",
    "ua": "uk",
    "sc": "zh-hans",
    "tc": "zh-hant",
    "in": "hi",
}
FRAME_CODES = (
    "en", "ru", "de", "la", "fr", "it", "pl", "br", "vn", "tr", "kz", "ua",
    "ar", "th", "sc", "tc", "ja", "id", "ms", "in",
)  # fmt: skip
"""The languages a portal may speak (docs/bitrix24.md G.7)."""


def to_django(code: str) -> str:
    """Return Django's code for a Bitrix24 one; English where we have no translation."""
    language = DJANGO_CODES.get(code.lower(), code.lower())
    return language if language in dict(settings.LANGUAGES) else "en"
