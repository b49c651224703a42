"""Write a message from a CRM card: the form as it begins, templates filled with the card's values, and the sending."""

import uuid
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from b24app.console.card.forms import NOW, CardForm, local_input
from b24app.console.card.obstacles import describe_obstacles
from b24app.console.formats import time_zones
from b24app.console.frame.screen import FramedRequest
from b24app.console.journal.search import hides_numbers
from b24app.console.models import TextTemplate
from b24app.console.senders.segment_count import MAX_COUNTED
from b24app.console.text_templates.fields import TITLES, Filled, fill_template
from b24app.console.text_templates.views import templates_of
from b24app.console.wording.costs import Cost
from b24app.messaging import enqueue
from b24app.messaging.actions import messages
from b24app.messaging.guards import forecast, stop_list
from b24app.messaging.models import ConnectionState, Message, Sender, SenderState
from b24app.messaging.models.statuses import Origin
from b24app.messaging.push import timeline
from b24app.portals.crm import fields
from b24app.portals.crm.cards import Entity, Phone
from b24app.portals.models import Portal
from providers.kit.phones import BadNumber
from providers.kit.segments import measure
from providers.kit.transliteration import rewrite_text


class MessageWriter:
    """What one visitor can write with on one card: senders that can send now, and the portal's templates."""

    def __init__(self, request: FramedRequest, entity: Entity) -> None:
        self.request, self.portal, self.entity = request, request.portal, entity
        self.hides = hides_numbers(request)

    @cached_property
    def senders(self) -> Sequence[Sender]:
        """Read only when the form is shown or sent: a poll that finds nothing new needs neither."""
        return _ready_senders(self.portal)

    @cached_property
    def templates(self) -> Sequence[TextTemplate]:
        return templates_of(self.portal) if self.senders else []

    def read_form(self, data: Any) -> CardForm:
        """Return the form with what was posted."""
        return self._make_form(data=data)

    def fresh_form(self, latest: Sequence[Message]) -> CardForm:
        """Return an empty form, with the number and the sender that were posted or used last."""
        posted = self.request.POST
        numbers = [phone.e164 for phone in self.entity.phones]
        by_kind = sorted(range(len(numbers)), key=lambda place: self.entity.phones[place].kind != "MOBILE")
        used = [str(numbers.index(message.to)) for message in latest if message.to in numbers]
        recent = [message.sender.uuid.hex for message in latest]
        available = [one.uuid.hex for one in self.senders]
        chosen = {
            "to": posted.get("to") or next(iter([*used, *map(str, by_kind)]), ""),
            "sender": posted.get("sender") or next((one for one in recent if one in available), ""),
            "when": NOW,
            "at": "",
            "nonce": uuid.uuid4(),
        }
        return self._make_form(initial=chosen)

    def changed_form(self, text: str, **changes: str) -> CardForm:
        """Return the posted form with another text, unbound, so that nothing in it is said to be wrong."""
        names = ("to", "sender", "template", "when", "at")
        chosen: dict[str, Any] = {name: self.request.POST.get(name, "") for name in names}
        return self._make_form(initial={**chosen, "text": text, **changes})

    def filled_template(self, form: CardForm) -> Filled | None:
        """Return the chosen template filled for the chosen number, None without one."""
        chosen = str(form["template"].value() or "")
        template = next((one for one in self.templates if one.uuid.hex == chosen), None)
        return None if template is None else fill_template(template.text, self.values_for(form.chosen_phone()))

    def is_as_filled(self, form: CardForm) -> bool:
        """Return whether the text is empty or just what one of the templates gives for one of the numbers."""
        text = str(form["text"].value() or "").replace("\r\n", "\n").strip()
        phones = self.entity.phones
        filled = (fill_template(one.text, self.values_for(phone)).text for one in self.templates for phone in phones)
        return not text or any(text == one.replace("\r\n", "\n").strip() for one in filled)

    def values_for(self, phone: Phone | None) -> dict[str, str]:
        """Return the card's values; the names are those of whoever the number belongs to."""
        values = dict(self.entity.values)
        if phone is not None and phone.owner:
            values.pop(fields.CONTACT_NAME, None)
            values.pop(fields.FIRST_NAME, None)
            if phone.first_name:
                values |= {fields.CONTACT_NAME: phone.owner, fields.FIRST_NAME: phone.first_name}
        return values

    def writing_context(self, form: CardForm) -> dict[str, Any]:
        """Return what stands around the text: its cost through the chosen sender, what stands against it, values."""
        chosen, text = form["sender"].value(), str(form["text"].value() or "")[:MAX_COUNTED]
        sender = next((one for one in self.senders if one.uuid.hex == chosen), next(iter(self.senders), None))
        phone = form.chosen_phone()
        values = self.values_for(phone)
        context: dict[str, Any] = {
            "form": form,
            "values": [(str(TITLES[code]), values[code]) for code in TITLES if code in values],
            "zone": time_zones.describe(self.portal.time_zone, timezone.now()).label,
            "earliest": local_input(timezone.now(), self.portal.zone),
            "latest": local_input(timezone.now() + messages.MAX_AHEAD, self.portal.zone),
        }
        if sender is None:
            return context
        cost = Cost.estimate(text, sender)
        plain = measure(sender.written(rewrite_text(text, smart=True)))
        context |= {"cost": cost, "measure": cost.measure, "spared": cost.measure.parts - plain.parts}
        if phone is not None:
            at = form.chosen_time() or timezone.now()
            found = forecast.forecast_message(sender, phone.e164, text, self.request.visitor.user_id, at)
            context["obstacles"] = describe_obstacles(found)
            context["is_blocked"] = found.is_blocked
        return context

    def send_message(self, form: CardForm) -> Message | None:
        """Store the message and wake its account; None when it cannot be sent, which is said at the field.

        Its reference is derived from what was posted, so that a form that arrives twice is one message.
        """
        to, text, at = (form.cleaned_data[name] for name in ("to", "text", "scheduled_at"))
        if stop_list.find_entry(self.portal, to) is not None:
            form.add_error("to", _("This number is on your opt-out list and cannot receive messages."))
            return None
        sender = next(one for one in self.senders if one.uuid.hex == form.cleaned_data["sender"])
        nonce, entity, author = form.cleaned_data["nonce"] or uuid.uuid4(), self.entity, self.request.visitor.user_id
        posted = (author, nonce.hex, entity.type_id, entity.id, sender.pk, to, text, *([at.isoformat()] if at else []))
        try:
            message = messages.compose_message(
                self.portal,
                sender,
                to,
                text,
                origin=Origin.CARD,
                author_id=author,
                links=timeline.links_with_entry(entity.type_id, entity.id),
                reference=uuid.uuid5(self.portal.uuid, repr(posted)),
                send_at=at,
            )
        except BadNumber as bad:
            form.add_error("to", _(bad.words))
            return None
        except messages.BadText:
            form.add_error("text", _("The text is longer than this service allows."))
            return None
        except messages.BadTime:
            form.refuse_time()
            return None
        if at is None:
            enqueue.drain(sender.connection_id, slow=sender.connection.slow)
            enqueue.note(self.portal.pk)
        return message

    def _make_form(self, *, data: Any = None, initial: dict[str, Any] | None = None) -> CardForm:
        return CardForm(
            self.entity, self.senders, self.templates, self.portal.zone, hides=self.hides, data=data, initial=initial
        )


def _ready_senders(portal: Portal) -> list[Sender]:
    """Return the senders that can send now."""
    ready = Sender.objects.filter(portal=portal, state=SenderState.REGISTERED, paused_at=None)
    active = ready.filter(connection__state=ConnectionState.ACTIVE)
    return list(active.select_related("connection", "portal").order_by("pk"))
