"""The languages that a portal may speak (docs/bitrix24.md G.7): Bitrix24's codes, Django's, and their own names."""

# In the order in which a sender's form asks for its names. Each has its own name: people look for theirs, and need not
# read another language to find it.
_LANGUAGES = (
    ("en", "en", "English"),
    ("ru", "ru", "Русский"),
    ("de", "de", "Deutsch"),
    ("la", "es", "Español"),
    ("fr", "fr", "Français"),
    ("it", "it", "Italiano"),
    ("pl", "pl", "Polski"),
    ("br", "pt-br", "Português (Brasil)"),
    ("vn", "vi", "Tiếng Việt"),
    ("tr", "tr", "Türkçe"),
    ("kz", "kk", "Қазақша"),
    ("ua", "uk", "Українська"),
    ("ar", "ar", "العربية"),
    ("th", "th", "ไทย"),
    ("sc", "zh-hans", "简体中文"),
    ("tc", "zh-hant", "繁體中文"),
    ("ja", "ja", "日本語"),
    ("id", "id", "Bahasa Indonesia"),
    ("ms", "ms", "Bahasa Melayu"),
    ("in", "hi", "हिन्दी"),
)
DJANGO_CODES = {code: django_code for code, django_code, _name in _LANGUAGES}
FRAME_CODES = tuple(DJANGO_CODES)
NAMES = sorted((django_code, name) for _code, django_code, name in _LANGUAGES)  # settings.LANGUAGES


def to_django(code: str) -> str:
    """Return Django's code for a Bitrix24 one; English where we have no translation."""
    language = DJANGO_CODES.get(code.lower(), code.lower())
    return language if language in DJANGO_CODES.values() else "en"
