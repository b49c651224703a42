"""The CRM of every portal: a few invented people and companies, and who may read them."""

from dataclasses import dataclass

from b24app.sandbox.state import User

LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4
KINDS = {"lead": LEAD, "deal": DEAL, "contact": CONTACT, "company": COMPANY}
QUOTE, INVOICE, DELIVERY = 7, 31, 1030
SMART_PROCESSES = {DELIVERY: "Delivery"}  # by owner type; every portal has them


@dataclass(frozen=True)
class Entity:
    """A CRM card; `contacts` are a deal's or an item's. Only administrators read one that is not open."""

    type_id: int
    id: int
    title: str
    fields: dict[str, object]
    contacts: tuple[int, ...] = ()
    is_open: bool = True

    def may_read(self, user: User) -> bool:
        """Return whether `user` may read it: administrators read everything, others what is open."""
        return self.is_open or user.admin


@dataclass
class _PhoneIds:
    last: int = 150

    def make_rows(self, *phones: tuple[str, str]) -> list[dict[str, str]]:
        """Return a multifield; each of its rows has an id of its own."""
        rows = []
        for kind, value in phones:
            self.last += 1
            rows.append({"ID": str(self.last), "VALUE_TYPE": kind, "VALUE": value, "TYPE_ID": "PHONE"})
        return rows


_phone_rows = _PhoneIds().make_rows


def _make_contact(number: int, name: str, last_name: str, *phones: tuple[str, str], is_open: bool = True) -> Entity:
    fields: dict[str, object] = {"NAME": name, "LAST_NAME": last_name, "COMPANY_ID": "1", "PHONE": _phone_rows(*phones)}
    return Entity(CONTACT, number, f"{name} {last_name}", fields, is_open=is_open)


def _make_item(type_id: int, number: int, title: str, amount: float, *, is_open: bool = True) -> Entity:
    """Return an entity that is read by crm.item.get, whose fields are spelled in another way."""
    fields: dict[str, object] = {
        "title": title,
        "opportunity": amount,
        "currencyId": "EUR",
        "companyId": 1,
        "contactId": 1,
    }
    return Entity(type_id, number, title, fields, (1,), is_open)


_ALL = (
    _make_contact(1, "Emma", "Evans", ("MOBILE", "+12025550142"), ("WORK", "+1 202 555-0160"), ("FAX", "+12025550161")),
    _make_contact(2, "Felix", "Ford", ("MOBILE", "+12025550143"), is_open=False),
    _make_contact(3, "Grace", "Green"),
    Entity(COMPANY, 1, "Harbour Joinery", {"TITLE": "Harbour Joinery", "PHONE": _phone_rows(("WORK", "+12025550144"))}),
    Entity(
        DEAL,
        1,
        "Website order",
        {
            "TITLE": "Website order",
            "CONTACT_ID": "1",
            "COMPANY_ID": "1",
            "OPPORTUNITY": "1250.00",
            "CURRENCY_ID": "USD",
        },
        contacts=(1, 2),
    ),
    Entity(DEAL, 2, "Quiet order", {"TITLE": "Quiet order", "CONTACT_ID": "2", "COMPANY_ID": "0"}, (2,), is_open=False),
    Entity(
        LEAD,
        1,
        "Enquiry from the website",
        {
            "TITLE": "Enquiry from the website",
            "NAME": "Hugo",
            "LAST_NAME": "Hart",
            "CONTACT_ID": None,
            "COMPANY_ID": None,
            "PHONE": _phone_rows(("MOBILE", "+12025550145")),
        },
    ),
    _make_item(QUOTE, 1, "Quote 14", 340),
    _make_item(INVOICE, 1, "Invoice 27", 125.5),
    _make_item(DELIVERY, 1, "Delivery on Friday", 0),
    _make_item(DELIVERY, 2, "Secret delivery", 0, is_open=False),
)
ENTITIES = {(entity.type_id, entity.id): entity for entity in _ALL}
