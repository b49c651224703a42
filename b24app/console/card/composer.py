"""The composer that Bitrix24 draws above its timeline: our part of it is a description of native blocks (LayoutDto).

The page is a hidden frame; its script hands what was entered to us and what we answer to the portal (docs/frame.md 2).
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from b24app.console.card.conversation import find_conversation
from b24app.console.card.forms import LATER, NOW, CardForm
from b24app.console.card.obstacles import Obstacle
from b24app.console.card.views import card_screen, refilled_text
from b24app.console.card.writing import MessageWriter
from b24app.console.formats import locales
from b24app.console.formats.moments import short_moment
from b24app.console.formats.money import format_money
from b24app.console.frame.screen import FramedRequest
from b24app.console.senders.segment_count import MAX_COUNTED
from b24app.portals.crm.cards import Entity

Block = dict[str, Any]

STATE = ("to", "sender", "template", "text", "when", "nonce")
MAX_OBSTACLES = 4  # blocks that stand ready; the gravest come first
SECTIONS = {"bad": "danger", "warn": "warning", "info": "primary"}
MORNING = 9  # o'clock, at which a later day is offered
LATER_DAYS = (1, 2, 7)


@require_http_methods(["GET", "HEAD", "POST"])
@card_screen
def compose_above_timeline(request: FramedRequest, entity: Entity, signed: str) -> HttpResponse:
    """Render the page of the hidden frame, or answer its script: what to draw after something was changed or sent."""
    if request.method != "POST":
        return render(request, "console/card/composer.html", {"signed": signed, "entity": entity})
    writer = MessageWriter(request, entity)
    match request.POST.get("action"):
        case "send":
            return _answer_send(writer)
        case "change":
            return _answer_change(writer)
        case _:
            form = writer.fresh_form(find_conversation(request.portal, entity, "").messages)
            return _answer_layout(writer, form)


def _answer_send(writer: MessageWriter) -> HttpResponse:
    form = _posted_form(writer)
    if not (form.is_valid() and writer.send_message(form)):
        return _answer_layout(writer, form)
    fresh = writer.fresh_form([])
    return _answer_layout(writer, fresh, done=True)


def _answer_change(writer: MessageWriter) -> HttpResponse:
    """Draw everything anew, except while somebody types: then only what depends on the text."""
    changed, form = writer.request.POST.get("changed"), _posted_form(writer)
    if changed in ("to", "template"):
        text = refilled_text(writer, form, is_template=changed == "template")
        form = _posted_form(writer, text=text)
    context = writer.writing_context(form)
    if changed != "text":
        return _answer_layout(writer, form, context=context, with_errors=False)
    return JsonResponse({"states": [{"id": name, **block} for name, block in _dependent_blocks(context).items()]})


def _posted_form(writer: MessageWriter, **changes: str) -> CardForm:
    posted = {name: writer.request.POST.get(name, "")[:MAX_COUNTED] for name in STATE} | changes
    # Here a later time is an entry of the list, not two fields.
    later = {} if posted["when"] in ("", NOW) else {"when": LATER, "at": posted["when"]}
    return writer.read_form({**posted, "when": NOW, **later})


def _answer_layout(
    writer: MessageWriter,
    form: CardForm,
    *,
    context: Mapping[str, Any] | None = None,
    with_errors: bool = True,
    done: bool = False,
) -> HttpResponse:
    """Answer with the whole layout and the state that belongs to it."""
    if not (writer.entity.phones and writer.senders):
        return JsonResponse({"layout": _nothing_to_write_with(writer), "state": {}})
    chosen = {name: str(form[name].value() or "") for name in STATE}
    chosen["when"] = str(form["at"].value() or NOW)
    chosen["nonce"] = chosen["nonce"] or uuid.uuid4().hex
    chosen["sender"] = chosen["sender"] or writer.senders[0].uuid.hex
    errors = form.errors if with_errors and form.is_bound else {}
    blocks = {
        "to": _select_block(form, "to", chosen, errors),
        "sender": _select_block(form, "sender", chosen, errors),
        **({"template": _select_block(form, "template", chosen, errors)} if writer.templates else {}),
        "text": _field_block("textarea", form, "text", errors, value=chosen["text"]),
        **_dependent_blocks(context or writer.writing_context(form)),
        "when": _when_block(writer, chosen["when"], errors),
    }
    layout = {
        "blocks": blocks,
        "primaryButton": {"title": _("Send")},
        "secondaryButton": {"title": _("Cancel")},
    }
    return JsonResponse({"layout": layout, "state": chosen, "done": done})


def _nothing_to_write_with(writer: MessageWriter) -> Block:
    words = (
        _("To send from here you need an active sender. Ask an administrator to add or resume one.")
        if writer.entity.phones
        else _("Add a phone number to this item, then reopen this tab.")
    )
    return {"blocks": {"count": _text_block(words)}, "secondaryButton": {"title": _("Cancel")}}


def _dependent_blocks(context: Mapping[str, Any]) -> dict[str, Block]:
    """Return the blocks that change with the text: its length and cost, and what stands against it."""
    obstacles: Sequence[Obstacle] = context.get("obstacles", [])[:MAX_OBSTACLES]
    ready = [*map(_obstacle_block, obstacles), *[_hidden_block()] * (MAX_OBSTACLES - len(obstacles))]
    return {"count": _text_block(_describe_cost(context))} | {
        f"obstacle{place}": one for place, one in enumerate(ready)
    }


def _describe_cost(context: Mapping[str, Any]) -> str:
    cost, measured = context.get("cost"), context.get("measure")
    if cost is None or measured is None:
        return ""
    segments = ngettext("%(parts)s segment", "%(parts)s segments", measured.parts) % {"parts": measured.parts}
    left = ngettext("%(left)s character left", "%(left)s characters left", measured.units_left)
    parts = [segments, left % {"left": measured.units_left}]
    if cost.price:
        parts.append(_("about %(price)s") % {"price": format_money(cost.price, cost.currency)})
    return locales.join_parts(parts)


def _obstacle_block(one: Obstacle) -> Block:
    inner: dict[str, Block] = {"words": _text_block(one.text)}
    if one.send_at:
        inner["offer"] = {
            "type": "link",
            "properties": {
                "text": _("Send at %(time)s") % {"time": one.offered_time},
                "action": {"type": "layoutEvent", "value": one.send_at.isoformat()},
            },
        }
    return {"type": "section", "visible": True, "properties": {"type": SECTIONS[one.kind], "blocks": inner}}


def _hidden_block() -> Block:
    return {
        "type": "section",
        "visible": False,
        "properties": {"type": "default", "blocks": {"words": _text_block("")}},
    }


def _text_block(words: str) -> Block:
    return {"type": "text", "properties": {"value": words, "size": "sm", "color": "base_70"}}


def _field_block(kind: str, form: CardForm, name: str, errors: Mapping[str, Iterable[Any]], **properties: Any) -> Block:
    told = " ".join(str(one) for one in errors.get(name, ()))
    return {"type": kind, "properties": {"title": str(form[name].label), "errorText": told, **properties}}


def _select_block(form: CardForm, name: str, chosen: Mapping[str, str], errors: Mapping[str, Iterable[Any]]) -> Block:
    values = {str(value): str(title) for value, title in form.fields[name].choices}  # type: ignore[attr-defined]  # a ChoiceField
    return _field_block("select", form, name, errors, values=values, selectedValue=chosen[name])


def _when_block(writer: MessageWriter, chosen: str, errors: Mapping[str, Iterable[Any]]) -> Block:
    """Return the choice of times: Bitrix24 has no native block for a date."""
    offered = _offered_times(writer)
    values = {NOW: _("Now"), **{at.isoformat(): short_moment(at) for at in offered}}
    if chosen not in values:
        values[chosen] = short_moment(datetime.fromisoformat(chosen)) if _is_time(chosen) else chosen
    told = " ".join(str(one) for one in errors.get("at", ()))
    properties = {"title": _("When to send"), "values": values, "selectedValue": chosen, "errorText": told}
    return {"type": "select", "properties": properties}


def _offered_times(writer: MessageWriter) -> list[datetime]:
    now = timezone.now().replace(second=0, microsecond=0)
    today = now.astimezone(writer.portal.zone).replace(hour=MORNING, minute=0)
    soon = [now + timedelta(hours=hours) for hours in (1, 3)]
    return soon + [today + timedelta(days=days) for days in LATER_DAYS]


def _is_time(given: str) -> bool:
    try:
        return datetime.fromisoformat(given).tzinfo is not None
    except ValueError:
        return False


urlpatterns = [path("card/<str:signed>/composer/", compose_above_timeline, name="card-composer")]
