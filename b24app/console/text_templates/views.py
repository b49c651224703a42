"""The portal's text templates: listed, written and deleted by administrators, chosen by everybody who writes."""

import uuid
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from b24app.audit.models import Action, Kind
from b24app.audit.recording import Subject, record_change
from b24app.console.frame.screen import FramedRequest, admin_only, redirect, render_screen
from b24app.console.models import TextTemplate
from b24app.console.text_templates.fields import (
    EXAMPLES,
    TITLES,
    field_choices,
    fill_template,
    show_template,
    store_template,
)
from b24app.console.wording.employees import EmployeeNames
from b24app.core import sanitize
from b24app.portals.crm.fields import CONTACT_NAME
from b24app.portals.models import Portal
from providers.kit.segments import Measure, measure

MAX_TEMPLATES = 100
MAX_TEXT = 1600  # characters, about ten segments


@dataclass(frozen=True, slots=True)
class TemplateRow:
    template: TextTemplate
    text: str
    measure: Measure
    who: str  # the employee who changed it last, "" for none


class TemplateForm(forms.Form):
    """A template as it is written, with its fields named in the language of the writer."""

    use_required_attribute = False

    title = forms.CharField(
        max_length=60,
        label=gettext_lazy("Template name"),
        error_messages={"required": gettext_lazy("Enter a template name.")},
        widget=forms.TextInput({"autocomplete": "off", "dir": "auto"}),
    )
    text = forms.CharField(
        max_length=MAX_TEXT,
        label=gettext_lazy("Text"),
        error_messages={"required": gettext_lazy("Enter a text.")},
        widget=forms.Textarea({"rows": "6", "dir": "auto"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        example = f"{{{TITLES[CONTACT_NAME]}|…}}"
        self.fields["text"].help_text = _(
            "To send another text when a field is empty, add it after a bar: {example}"
        ).format(example=example)

    def clean_title(self) -> str:
        return sanitize.sanitize_text(" ".join(self.cleaned_data["title"].split()))

    def clean_text(self) -> str:
        """Return the text as it is stored."""
        text, unknown = store_template(sanitize.sanitize_text(self.cleaned_data["text"]))
        if unknown:
            words = ngettext("This field does not exist: {names}", "These fields do not exist: {names}", len(unknown))
            raise forms.ValidationError(words.format(names=", ".join(f"{{{name}}}" for name in unknown[:5])))
        return text


def templates_of(portal: Portal) -> list[TextTemplate]:
    """Return a portal's templates by name."""
    return sorted(TextTemplate.objects.filter(portal=portal)[:MAX_TEMPLATES], key=lambda one: one.title.casefold())


@admin_only
@require_safe
def list_templates(request: FramedRequest) -> HttpResponse:
    """Render all of them."""
    found = templates_of(request.portal)
    people = EmployeeNames.load(request.portal, [one.changed_by for one in found])
    rows = [
        TemplateRow(
            one,
            show_template(one.text),
            measure(fill_template(one.text, EXAMPLES).text),
            people.display_name(one.changed_by) if one.changed_by else "",
        )
        for one in found
    ]
    context = {"rows": rows, "is_full": len(rows) >= MAX_TEMPLATES, "maximum": MAX_TEMPLATES}
    return render_screen(request, "console/text_templates/overview.html", context)


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
def add_template(request: FramedRequest) -> HttpResponse:
    """Render an empty form, or store a new template."""
    form = TemplateForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        if TextTemplate.objects.filter(portal=request.portal).count() >= MAX_TEMPLATES:
            form.add_error(None, _("You have reached the maximum number of templates. Delete one first."))
        elif _save_template(request, form, TextTemplate(portal=request.portal)):
            return redirect(request, "text-templates", toast=_("Template saved"))
    return _render_form(request, form)


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
def edit_template(request: FramedRequest, template: uuid.UUID) -> HttpResponse:
    """Render a template in the form, or save it."""
    found = get_object_or_404(TextTemplate, portal=request.portal, uuid=template)
    saved = {"title": found.title, "text": show_template(found.text)}
    form = TemplateForm(request.POST if request.method == "POST" else None, initial=saved)
    if form.is_bound and form.is_valid() and _save_template(request, form, found):
        return redirect(request, "text-templates", toast=_("Template saved"))
    return _render_form(request, form, found)


@admin_only
@require_http_methods(["GET", "HEAD", "POST"])
def delete_template(request: FramedRequest, template: uuid.UUID) -> HttpResponse:
    """Ask in place, then delete a template; messages that were written with it stay as they are."""
    found = get_object_or_404(TextTemplate, portal=request.portal, uuid=template)
    if request.method != "POST":
        return render(request, "console/text_templates/confirm_deletion.html", {"template": found})
    with transaction.atomic():
        if TextTemplate.objects.filter(pk=found.pk).delete()[0]:
            record_change(Action.REMOVED, _subject_of(found))
    return redirect(request, "text-templates", toast=_("Template deleted"))


@admin_only
@require_POST
def count_template(request: FramedRequest) -> HttpResponse:
    """Render how long a text is with example values, as it is typed."""
    return render(request, "console/text_templates/length.html", _length_context(request.POST.get("text", "")))


def _length_context(shown: str) -> dict[str, Any]:
    filled = fill_template(store_template(shown[: 2 * MAX_TEXT])[0], EXAMPLES)
    return {"measure": measure(filled.text), "example": filled.text if filled.text != shown else ""}


def _render_form(request: FramedRequest, form: TemplateForm, found: TextTemplate | None = None) -> HttpResponse:
    context = {
        "form": form,
        "template": found,
        "fields": field_choices(),
        **_length_context(form["text"].value() or ""),
    }
    return render_screen(request, "console/text_templates/edit.html", context)


def _save_template(request: FramedRequest, form: TemplateForm, template: TextTemplate) -> bool:
    """Save what was written; return whether its name was free."""
    title, text = form.cleaned_data["title"], form.cleaned_data["text"]
    if TextTemplate.objects.filter(portal=request.portal, title=title).exclude(pk=template.pk).exists():
        form.add_error("title", _("Another template has this name."))
        return False
    try:
        with transaction.atomic():
            _write_template(template, title, text, request.visitor.user_id)
    except IntegrityError:  # somebody took the name in this moment
        form.add_error("title", _("Another template has this name."))
        return False
    return True


def _write_template(template: TextTemplate, title: str, text: str, user_id: int) -> None:
    """Store a template and who wrote it; of its text only that it changed."""
    before = {"template_name": template.title, "template_text": template.text}
    is_new = template.pk is None
    template.title, template.text = title, text
    template.changed_at, template.changed_by = timezone.now(), user_id
    template.save()
    after = {"template_name": title, "template_text": text}
    if is_new:
        record_change(Action.ADDED, _subject_of(template))
    elif changed := [name for name in after if before[name] != after[name]]:
        shown = [name for name in changed if name == "template_name"]
        record_change(
            Action.EDITED,
            _subject_of(template),
            before={name: before[name] if name in shown else None for name in changed},
            after={name: after[name] if name in shown else None for name in changed},
        )


def _subject_of(template: TextTemplate) -> Subject:
    return Subject(template.portal_id, Kind.TEMPLATE, template.pk, template.title)


urlpatterns = [
    path("settings/text-templates/", list_templates, name="text-templates"),
    path("settings/text-templates/new/", add_template, name="text-template-new"),
    path("settings/text-templates/length/", count_template, name="text-template-length"),
    path("settings/text-templates/<uuid:template>/", edit_template, name="text-template"),
    path("settings/text-templates/<uuid:template>/delete/", delete_template, name="text-template-delete"),
]
