"""The privacy policy and the licence agreement as public pages: no launch, no ticket, no query, no script.

Their texts are templates, one for each language, and not entries of the catalogues: a lawyer reads and changes a page
as a whole. Whoever has no page in their own language reads the English one.
"""

from datetime import date

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page, require_safe

from b24app.portals.crm_names.names import KEEP_FOR
from b24app.portals.installation import GRACE_PERIOD
from b24app.portals.models import Portal

CHANGED = {"privacy": date(2026, 11, 30), "licence": date(2026, 11, 30)}  # the day on which each text last changed
LANGUAGES = {"en": "English", "ru": "Русский"}  # which have pages, by their own names
PRODUCT = "Sendline"
MAX_AGE = 3600  # seconds


@require_safe
@cache_control(public=True, max_age=MAX_AGE)
@conditional_page
def show_document(request: HttpRequest, document: str, language: str = "") -> HttpResponse:
    """Render one of the two, in the language of the address or else in the reader's."""
    if document not in CHANGED or language not in {"", *LANGUAGES}:
        raise Http404
    written_in = language or _reader_language()
    context = {
        "product": PRODUCT,
        "document": document,
        "languages": LANGUAGES,
        "changed": CHANGED[document],
        "operator": _operator(),
        "days": _periods(),
        "theme": "system",
    }
    with translation.override(written_in):
        response = render(request, f"console/legal/{written_in}/{document}.html", context)
    response["Content-Language"] = written_in
    if not language:
        patch_vary_headers(response, ["Accept-Language"])
    return response


def _reader_language() -> str:
    language = translation.get_language()
    return language if language in LANGUAGES else "en"


def _operator() -> dict[str, str]:
    """Return who answers for this installation; what is not set is empty, and the page says so."""
    return {
        "name": settings.OPERATOR_NAME,
        "address": settings.OPERATOR_ADDRESS,
        "email": settings.OPERATOR_EMAIL,
        "data_location": settings.OPERATOR_DATA_LOCATION,
        "support_url": settings.SUPPORT_URL,
    }


def _periods() -> dict[str, int]:
    """Return for how many days a new portal's data is kept, from where the code itself reads it."""
    new_portal = Portal()
    return {
        "texts": new_portal.keep_texts.days,
        "messages": new_portal.keep_messages.days,
        "exchanges": new_portal.keep_exchanges.days,
        "names": KEEP_FOR.days,
        "changes": settings.KEEP_CHANGES_DAYS,
        "grace": GRACE_PERIOD.days,
    }


urlpatterns = [
    path("legal/<slug:document>/", show_document, name="legal"),
    path("legal/<slug:document>/<slug:language>/", show_document, name="legal-in"),
]
