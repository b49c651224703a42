"""The search of help: all words that were typed, anywhere in a title or a text, in the reader's language."""

from collections.abc import Iterable
from dataclasses import dataclass

from b24app.console.frame.screen import address
from b24app.console.help import glossary, service_articles
from b24app.console.help.articles import visible_articles
from b24app.console.wording import explanations
from b24app.portals.models import Portal

MAX_QUERY = 100
EXCERPT = 120  # characters


@dataclass(frozen=True, slots=True)
class Hit:
    """A place of help that has the words, with the text around the first of them."""

    title: str
    excerpt: str
    href: str


def search_help(portal: Portal, query: str, *, is_admin: bool) -> list[Hit]:
    """Return what has all the words: those with a word in the title first, each group in its own order."""
    words = query.casefold().split()
    if not words:
        return []
    found = [
        (not any(word in title.casefold() for word in words), Hit(title, _excerpt(text, words), href))
        for title, text, href in _places(portal, is_admin=is_admin)
        if all(word in f"{title} {text}".casefold() for word in words)
    ]
    return [hit for _in_text_only, hit in sorted(found, key=lambda one: one[0])]


def _places(portal: Portal, *, is_admin: bool) -> Iterable[tuple[str, str, str]]:
    """Yield title, text and address of everything that can be found."""
    for article in visible_articles(is_admin=is_admin):
        text = " ".join(map(str, article.paragraphs))
        yield str(article.title), text, address(portal, "help-article", slug=article.slug)
    for service in service_articles.offered_articles() if is_admin else ():
        yield service.service.title, service.searched, address(portal, "help-service", service=service.service.code)
    home = address(portal, "help")
    for term, means in glossary.TERMS:
        yield str(term), str(means), f"{home}#terms"
    for _code, word, means in explanations.status_meanings():
        yield word, str(means), f"{home}#words-of"


def _excerpt(text: str, words: Iterable[str]) -> str:
    """Return about a line of a text, from a little before the first word that it has."""
    lower = text.casefold()
    places = [place for word in words if (place := lower.find(word)) >= 0]
    start = max(0, min(places, default=0) - EXCERPT // 4)
    start = text.rfind(" ", 0, start) + 1
    end = text[start : start + EXCERPT]
    return f"{'…' if start else ''}{end}{'…' if start + EXCERPT < len(text) else ''}"
