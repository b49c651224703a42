"""Saved views: filters of the list of messages under a name, of one's own or shared with all administrators."""

import uuid
from collections.abc import Sequence

from django import forms
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseLocation

from b24app.console.frame.linked_view import view_url
from b24app.console.frame.screen import SCREEN, FramedRequest, address, with_toast
from b24app.console.journal.filters import Filters
from b24app.console.models import SavedView

MAX_VIEWS = 20  # of one person


class ViewForm(forms.Form):
    """The name of a view, and whether other administrators see it."""

    use_required_attribute = False

    name = forms.CharField(
        max_length=60,
        label=gettext_lazy("View name"),
        widget=forms.TextInput({"class": "input--sm", "autocomplete": "off"}),
        error_messages={"required": gettext_lazy("Enter a name.")},
    )
    is_shared = forms.BooleanField(required=False, label=gettext_lazy("Share with administrators"))


def visible_views(request: FramedRequest) -> Sequence[SavedView]:
    """Return the views that a visitor may use, by name."""
    views = SavedView.visible_to(request.portal, request.visitor.user_id, is_admin=request.visitor.is_admin)
    return list(views.order_by("name", "pk")[: 5 * MAX_VIEWS])


def view_context(request: FramedRequest, filters: Filters) -> dict[str, object]:
    """Return what the list shows of views: all, the one that is open, and the form to save or change it."""
    views, query = visible_views(request), filters.written()
    current = next((one for one in views if query and one.query == query), None)
    is_own = current is not None and current.user_id == request.visitor.user_id
    initial = {"name": current.name, "is_shared": current.is_shared} if current and is_own else {}
    return {
        "views": views,
        "view": current,
        "view_url": view_url(request.portal, current) if current else "",
        "view_form": ViewForm(initial=initial, prefix="view"),
        "may_save": bool(filters) and current is None,
        "may_edit": is_own,
    }


@require_POST
def save_view(request: FramedRequest) -> HttpResponse:
    """Save the filters that are set under a name."""
    filters, form = Filters.parse(request.POST.get("query", "")), ViewForm(request.POST, prefix="view")
    if not (form.is_valid() and filters):
        return _render_form(request, filters, form, None)
    if _own_views(request).count() >= MAX_VIEWS:
        form.add_error("name", _("You have reached the limit of saved views. Delete one first."))
        return _render_form(request, filters, form, None)
    view = SavedView(portal=request.portal, user_id=request.visitor.user_id, query=filters.written())
    return _store(request, view, form, _("View saved"))


@require_POST
def edit_view(request: FramedRequest, view: uuid.UUID) -> HttpResponse:
    """Change the name of one's own view, or whether it is shared."""
    found: SavedView = get_object_or_404(_own_views(request), uuid=view)
    form = ViewForm(request.POST, prefix="view")
    if not form.is_valid():
        return _render_form(request, Filters.parse(found.query), form, found)
    return _store(request, found, form, _("View saved"))


@require_POST
def delete_view(request: FramedRequest, view: uuid.UUID) -> HttpResponse:
    """Delete one's own view; the messages are left alone."""
    found: SavedView = get_object_or_404(_own_views(request), uuid=view)
    found.delete()
    return _open(request, found.query, _("View deleted"))


def _own_views(request: FramedRequest) -> "QuerySet[SavedView]":
    mine: QuerySet[SavedView] = SavedView.objects.filter(portal=request.portal, user_id=request.visitor.user_id)
    return mine


def _store(request: FramedRequest, view: SavedView, form: ViewForm, toast: str) -> HttpResponse:
    view.name = form.cleaned_data["name"]
    view.is_shared = form.cleaned_data["is_shared"] and request.visitor.is_admin
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError:
        form.add_error("name", _("You already have a view with this name."))
        return _render_form(request, Filters.parse(view.query), form, view if view.pk else None)
    return _open(request, view.query, toast)


def _render_form(request: FramedRequest, filters: Filters, form: ViewForm, view: SavedView | None) -> HttpResponse:
    context = {"view_form": form, "view": view, "query": filters.written(), "masked": not request.visitor.is_admin}
    return render(request, "console/journal/view_form.html", context)


def _open(request: FramedRequest, query: str, toast: str) -> HttpResponse:
    there = f"{address(request.portal, 'journal')}?{query}"
    return with_toast(HttpResponseLocation(there, target=f"#{SCREEN}", swap="innerHTML"), toast)


urlpatterns = [
    path("journal/views/", save_view, name="view-save"),
    path("journal/views/<uuid:view>/", edit_view, name="view-edit"),
    path("journal/views/<uuid:view>/delete/", delete_view, name="view-delete"),
]
