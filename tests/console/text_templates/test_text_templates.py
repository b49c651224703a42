"""Text templates: their fields, and the screens on which administrators write them."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from b24app.console.models import TextTemplate
from b24app.console.text_templates import views
from b24app.console.text_templates.fields import (
    field_choices,
    fill_template,
    show_template,
    store_template,
    unfilled_fields,
)
from b24app.messaging.models import Sender
from b24app.portals.models import Portal
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender(db: None) -> Sender:
    return factories.sender(factories.connection(factories.portal("alice")))


def address(portal: Portal, *more: str) -> str:
    return "/".join([f"/p/{portal.uuid.hex}/settings/text-templates", *more, ""])


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


# -- fields ------------------------------------------------------------------------------------------------------------


VALUES = {"contact_name": "Emma Evans", "amount": "1250 USD"}


def test_a_template_is_filled_with_values() -> None:
    filled = fill_template("Hello {contact_name}, {amount} is due.", VALUES)
    assert (filled.text, filled.missing) == ("Hello Emma Evans, 1250 USD is due.", ())


def test_a_field_without_a_value_stays_marked_or_takes_the_text_for_none() -> None:
    filled = fill_template("Dear {contact_first_name|customer}, {responsible} waits. {responsible}", VALUES)
    assert filled.text == "Dear customer, {Responsible person} waits. {Responsible person}"
    assert filled.missing == ("Responsible person",)
    assert unfilled_fields(filled.text) == ["Responsible person"]


def test_a_value_is_put_in_as_it_is_and_never_filled_again() -> None:
    evil = {"contact_name": "{amount} {{7*7}} <b>%s {0.__class__}", "amount": "1"}
    assert fill_template("{contact_name}", evil).text == evil["contact_name"]


def test_a_template_is_stored_by_code_whatever_the_language_it_is_written_in() -> None:
    assert store_template("Hello {Contact name}, {amount} {Item title|order}") == (
        "Hello {contact_name}, {amount} {item_title|order}",
        [],
    )
    assert show_template("Hello {contact_name|you}") == "Hello {Contact name|you}"
    for language in ("de", "ru", "ar", "ja"):
        with translation.override(language):
            assert store_template(show_template("{contact_name} {amount|0}")) == ("{contact_name} {amount|0}", [])


def test_the_fields_have_different_names_in_every_language() -> None:
    for language in ("en", "de", "ru", "ar", "ja", "fr", "pt-br"):
        with translation.override(language):
            names = [title.casefold() for _code, title in field_choices()]
            assert len(names) == len(set(names))


def test_what_is_no_field_is_named() -> None:
    assert store_template("{Contact name} {Birthday} {Birthday} { }")[1] == ["Birthday", ""]
    assert unfilled_fields("Press {1} or {Birthday}") == []


# -- screens -----------------------------------------------------------------------------------------------------------


FORM = {"title": "Order ready", "text": "Hello {Contact name}, your order is ready."}


def test_a_template_is_added_changed_and_deleted(portal: Portal, alice: Client) -> None:
    assert "No templates yet" in words(alice.get(address(portal)))
    added = alice.post(address(portal, "new"), FORM)
    assert "Template saved" in added["HX-Trigger"]
    template = TextTemplate.objects.get()
    assert (template.portal, template.title, template.changed_by) == (portal, "Order ready", factories.ALICE)
    assert template.text == "Hello {contact_name}, your order is ready."
    assert "Hello {Contact name}, your order is ready." in words(alice.get(address(portal)))

    place = address(portal, str(template.uuid))
    assert "Hello {Contact name}, your order" in words(alice.get(place))
    alice.post(place, FORM | {"text": "It is ready."})
    assert TextTemplate.objects.get().text == "It is ready."

    question = alice.get(place + "delete/")
    assert "Delete the template “Order ready”?" in words(question)
    assert TextTemplate.objects.exists()
    assert "Template deleted" in alice.post(place + "delete/")["HX-Trigger"]
    assert not TextTemplate.objects.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"title": ""}, "Enter a template name."),
        ({"text": " "}, "Enter a text."),
        ({"text": "Hello {Birthday}"}, "This field does not exist: {Birthday}"),
        ({"text": "x" * 1601}, "1600"),
        ({"title": "x" * 61}, "60"),
    ],
)
def test_a_template_that_cannot_be_saved_says_why(
    portal: Portal, alice: Client, change: dict[str, str], told: str
) -> None:
    response = alice.post(address(portal, "new"), FORM | change)
    assert response.status_code == 200
    assert told in words(response)
    assert not TextTemplate.objects.exists()


def test_a_name_is_used_once_in_a_portal(portal: Portal, alice: Client) -> None:
    theirs = factories.portal("charlie")
    TextTemplate.objects.create(portal=theirs, title="Order ready", text="Charlie's")
    for _ in range(2):
        response = alice.post(address(portal, "new"), FORM)
    assert "Another template has this name." in words(response)
    assert TextTemplate.objects.filter(portal=portal).count() == 1


def test_the_number_of_templates_is_bounded(portal: Portal, alice: Client) -> None:
    rows = [TextTemplate(portal=portal, title=f"{place}", text="x") for place in range(views.MAX_TEMPLATES)]
    TextTemplate.objects.bulk_create(rows)
    assert "maximum number of templates" in words(alice.post(address(portal, "new"), FORM))
    assert TextTemplate.objects.count() == views.MAX_TEMPLATES
    assert "You can have 100 templates" in words(alice.get(address(portal)))


def test_the_length_is_counted_with_example_values(portal: Portal, alice: Client) -> None:
    counted = words(alice.post(address(portal, "length"), {"text": "{Contact name}" + "a" * 151}))
    assert "2 segments" in counted
    assert "The length varies" in counted
    assert "varies" not in words(alice.post(address(portal, "length"), {"text": "a" * 161}))


def test_a_text_is_shown_and_not_run(portal: Portal, alice: Client) -> None:
    alice.post(address(portal, "new"), {"title": "<b>x</b>", "text": "<script>alert(1)</script> %s"})
    template = TextTemplate.objects.get()
    for place in (address(portal), address(portal, str(template.uuid))):
        page = alice.get(place).content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)&lt;/script&gt; %s" in page


def test_only_administrators_manage_them_and_only_their_own(portal: Portal, alice: Client, bob: Client) -> None:
    alice.post(address(portal, "new"), FORM)
    template = TextTemplate.objects.get()
    charlie = factories.visitor(factories.portal("charlie"), factories.CHARLIE)
    own = Portal.objects.exclude(pk=portal.pk).get()
    for place in (address(portal), address(portal, "new"), address(portal, str(template.uuid))):
        assert bob.get(place).status_code == 403
        assert bob.post(place, FORM | {"title": "Bob's"}).status_code in (403, 405)
    for more in ((str(template.uuid),), (str(template.uuid), "delete")):
        assert charlie.get(address(own, *more)).status_code == 404
        assert charlie.post(address(own, *more), FORM | {"title": "Charlie's"}).status_code == 404
    assert "Order ready" not in words(charlie.get(address(own)))
    assert [one.title for one in TextTemplate.objects.all()] == ["Order ready"]
