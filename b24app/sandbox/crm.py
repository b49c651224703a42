"""The CRM of every portal: a few invented people and companies, and who may read them."""

from dataclasses import dataclass

from b24app.sandbox.state import User

LEAD, DEAL, CONTACT, COMPANY = 1, 2, 3, 4
DELIVERY = 1036  # a smart process
KINDS = {"lead": LEAD, "deal": DEAL, "contact": CONTACT, "company": COMPANY}


@dataclass(frozen=True)
class Entity:
    """A CRM card; `contacts` are a deal's. Only administrators read one that is not open."""

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


_ALL = (
    _make_contact(1, "Emma", "Evans", ("MOBILE", "+12025550142"), ("WORK", "+1 202 555-0160"), ("FAX", "+12025550161")),
    _make_contact(2, "Felix", "Ford", ("MOBILE", "+12025550143"), is_open=False),
    _make_contact(3, "Grace", "Green"),
    Entity(COMPANY, 1, "Harbour Joinery", {"TITLE": "Harbour Joinery", "PHONE": _phone_rows(("WORK", "+12025550144"))}),
    Entity(DEAL, 1, "Website order", {"TITLE": "Website order", "CONTACT_ID": "1", "COMPANY_ID": "1"}, contacts=(1, 2)),
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
    Entity(DELIVERY, 1, "Delivery of the oak shelf", {"CONTACT_ID": "1", "COMPANY_ID": "0"}),
)
ENTITIES = {(entity.type_id, entity.id): entity for entity in _ALL}
