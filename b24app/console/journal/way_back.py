"""The way back from a message to the list as it was: its filters, its page and the row."""

from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from django_htmx.http import HttpResponseLocation

from b24app.console.formats.query_values import read_uuid
from b24app.console.frame.screen import SCREEN, FramedRequest, address, with_toast
from b24app.console.journal.filters import Filters
from b24app.messaging.models import Message

PARAMETER = "list"  # of a message's address: the query of the list it was opened from
PLACES = ("before", "after")


def list_query(filters: Filters, place: dict[str, str]) -> str:
    """Return the query of a page of the list."""
    return "&".join(filter(None, (filters.written(), urlencode(place))))


def read_place(query: dict[str, str]) -> dict[str, str]:
    """Return where a page of the list begins, as its address says it."""
    return {name: value for name in PLACES if (value := read_uuid(query.get(name, "")))}


def from_list(query: str) -> str:
    """Return what a link from the list to a message has behind its path."""
    return f"?{urlencode({PARAMETER: query})}" if query else ""


def read_list(request: FramedRequest) -> str:
    """Return the query of the list that this message, or the page with the button, was opened from."""
    given = request.GET.get(PARAMETER, "")
    if not given and request.htmx.current_url:
        given = parse_qs(urlsplit(request.htmx.current_url).query).get(PARAMETER, [""])[0]
    query = dict(parse_qsl(given))
    return list_query(Filters.from_query(query), read_place(query))


def list_url(request: FramedRequest, message: Message) -> str:
    """Return the address of the list as it was, with the row of the message to return to."""
    query = "&".join(filter(None, (read_list(request), urlencode({"at": message.reference.hex}))))
    return f"{address(request.portal, 'journal')}?{query}"


def message_url(request: FramedRequest, message: Message) -> str:
    """Return the address of a message that knows the way back."""
    return address(request.portal, "message", reference=message.reference) + from_list(read_list(request))


def show_again(request: FramedRequest, message: Message, toast: str) -> HttpResponseLocation:
    """Send the page to a message after a deed, with the way back kept."""
    there = HttpResponseLocation(message_url(request, message), target=f"#{SCREEN}", swap="innerHTML")
    return with_toast(there, toast)  # type: ignore[return-value]  # the same response
