"""How the people and items that messages belong to are named: by the stored names, until then by number alone."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from b24app.console.frame.screen import FramedRequest
from b24app.console.journal.crm_links import Item, crm_items, link_to
from b24app.messaging import enqueue
from b24app.messaging.models import Message
from b24app.messaging.models.statuses import Origin
from b24app.portals.crm.owner_types import OwnerType
from b24app.portals.crm_names import names
from b24app.portals.crm_names.names import ADMINISTRATORS, StoredNames
from b24app.portals.models import Portal

MAX_ITEMS = 4  # of one message
_PEOPLE = (OwnerType.CONTACT, OwnerType.COMPANY)
_WITH_PERSON = (*_PEOPLE, OwnerType.LEAD)


@dataclass(frozen=True, slots=True)
class NamedLink:
    """What an item is called, and the path of its card for the portal's openPath; `kind` says what a name is of."""

    name: str
    path: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class MessageNames:
    """Names for the messages of one screen or file; a screen that `is_pending` may ask again soon."""

    portal: Portal
    stored: StoredNames

    @classmethod
    def load(cls, portal: Portal, viewer: int, all_links: Iterable[Mapping[str, Any]]) -> Self:
        """Return the stored names, and enqueue a lookup of the missing and the stale ones."""
        found = cls.load_known(portal, viewer, all_links)
        if found.stored.due:
            enqueue.crm_names(portal.pk, viewer, found.stored.due)
        return found

    @classmethod
    def load_known(cls, portal: Portal, viewer: int, all_links: Iterable[Mapping[str, Any]]) -> Self:
        """Return the stored names; nothing is looked up."""
        items = {item for links in all_links for item in crm_items(links)[:MAX_ITEMS]}
        return cls(portal, names.stored_names(portal, viewer, items))

    @property
    def is_pending(self) -> bool:
        return bool(self.stored.due)

    @property
    def shown_state(self) -> object:
        """Return what tells one state of the names from another."""
        named = sorted((item, one.name, one.person) for item, one in self.stored.names.items())
        return named, self.stored.trouble, self.is_pending

    def find_recipient(self, message: Message) -> NamedLink | None:
        """Return the contact, company or lead that a message was sent to."""
        return self.find_person(message.links, message.to, by_hand=is_by_hand(message.origin, message.module))

    def find_person(self, links: Mapping[str, Any], number: str, *, by_hand: bool) -> NamedLink | None:
        """Return whose number it is among the people of these links; None where that is not sure.

        A rule may write to anybody, to an employee for example, about the deal of a contact. What is sent from a card
        goes to the card's own people, also where a number was changed since.
        """
        if not number:
            return None
        own = crm_items(links)[:MAX_ITEMS]
        people = [item for item in dict.fromkeys([*own, *self._owners(own)]) if item[0] in _WITH_PERSON]
        digest = names.digest_phone(self.portal, number)
        of_number = [item for item in people if item in self.stored.names and digest in self.stored.names[item].phones]
        alone = [item for item in own if item[0] in _WITH_PERSON] if by_hand and not of_number else []
        for item in of_number or (alone if len(alone) == 1 else []):
            one = self.stored.names.get(item)
            name = one and (one.person or one.name)
            if name:
                return NamedLink(name, link_to(item).path)
        return None

    def name_item(self, message: Message) -> NamedLink | None:
        """Return the deal, lead or item of a smart process that a message belongs to."""
        return self.find_item(message.links)

    def find_item(self, links: Mapping[str, Any]) -> NamedLink | None:
        """Return the first of these links that is no person and has a name."""
        for item in crm_items(links)[:MAX_ITEMS]:
            one = self.stored.names.get(item)
            if one and one.name and item[0] not in _PEOPLE:
                return NamedLink(one.name, link_to(item).path)
        return None

    def name_items(self, message: Message) -> list[NamedLink]:
        """Return all items of a message, by kind and number where there is no name."""
        return [self._named(item) for item in crm_items(message.links)]

    def _named(self, item: Item) -> NamedLink:
        link, one = link_to(item), self.stored.names.get(item)
        if one and one.name:
            return NamedLink(one.name, link.path, str(link.kind))
        return NamedLink(f"{link.kind} {link.number}", link.path)

    def _owners(self, items: Iterable[Item]) -> list[Item]:
        found = (self.stored.names.get(item) for item in items)
        return [one.owner_key for one in found if one and one.owner_id]


def viewer_of(request: FramedRequest) -> int:
    """Return as whom a visitor sees names."""
    return ADMINISTRATORS if request.visitor.is_admin else request.visitor.user_id


def is_by_hand(origin: str, module: str) -> bool:
    """Return whether a person wrote a message on a card, and so to somebody of that card."""
    return origin == Origin.CARD or (origin == Origin.PORTAL and module == "crm")
