"""Set-up guides: numbered steps for every service, schematic pictures for the most used."""

import re
from html import unescape

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from b24app.console.senders.catalogue import ServiceInfo, fill_setup_steps
from b24app.console.templatetags.drawings import describe_screen
from b24app.portals.models import Portal
from providers.kit import registry
from providers.kit.contract import Provider
from providers.kit.fields import Step
from providers.kit.screens import REPORT_URL, Deed, Screen

pytestmark = pytest.mark.django_db

SERVICES = list(registry.services().values())
WITH_PICTURES = [one for one in SERVICES if any(step.screen for step in one.setup)]
SCREENS = [(one.code, step) for one in WITH_PICTURES for step in one.setup if step.screen]
MENU_WIDTH, BOX_WIDTH, LETTER = 128, 208, 6.6  # of the drawing; 6.6 is a wide letter of its 12 pixels

every_screen = pytest.mark.parametrize(("code", "step"), SCREENS, ids=[code for code, _step in SCREENS])


@pytest.fixture
def portal(alpha: Portal) -> Portal:
    return alpha


def read_guide(service: type[Provider], address: str = "") -> str:
    steps = fill_setup_steps(service.setup, address)
    context = {"service": ServiceInfo.from_provider(service), "steps": steps}
    return render_to_string("console/connect/guide.html", context)


def test_at_least_twelve_services_have_pictures_the_best_known_among_them() -> None:
    codes = {one.code for one in WITH_PICTURES}
    assert len(codes) >= 12
    assert codes >= {"twilio", "infobip", "vonage", "messagebird", "plivo", "sinch", "whatsapp", "smsru"}


@pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.code)
def test_every_service_has_numbered_steps_and_its_website(service: type[Provider]) -> None:
    html = read_guide(service)
    assert html.count("<li>") == len(service.setup) > 0
    assert '<ol class="guide">' in html
    assert f'href="{service.docs}"' in html
    pictures = sum(step.screen is not None for step in service.setup)
    assert html.count('<svg class="screen"') == pictures
    assert ("The pictures are schematic." in html) == bool(pictures)


@every_screen
def test_a_picture_names_fields_that_the_form_has(code: str, step: Step) -> None:
    assert step.screen
    names = {field.name for field in registry.get(code).fields}
    assert step.screen.boxes
    for box in step.screen.boxes:
        assert box.field in names | {"", REPORT_URL}
        assert bool(box.field) == (box.deed in {Deed.COPY, Deed.PASTE})
    has_address = "{report_url}" in step.text
    assert has_address == any(box.field == REPORT_URL for box in step.screen.boxes)


@every_screen
def test_the_words_of_a_picture_stand_inside_it(code: str, step: Step) -> None:
    screen = step.screen
    assert screen, code
    for place, label in enumerate(screen.menu):
        assert 12 + 9 * place + LETTER * len(label) <= MENU_WIDTH + 12, label
    for box in screen.boxes:
        assert LETTER * len(box.label) <= BOX_WIDTH + 6, box.label
        assert len(box.sample) <= 27


@every_screen
def test_a_picture_is_told_to_who_does_not_see_it(code: str, step: Step) -> None:
    html = read_guide(registry.get(code))
    assert step.screen
    words = describe_screen(step.screen)
    assert f'aria-label="{words}"' in unescape(html).replace("\n", "")
    assert all(box.label in words for box in step.screen.boxes)
    assert 'direction="ltr"' in html
    assert "style=" not in html  # the policy of the frame forbids it


def test_a_description_says_what_to_do_in_sentences_of_the_reader_s_language() -> None:
    vonage = [step.screen for step in registry.get("vonage").setup if step.screen]
    assert [describe_screen(one) for one in vonage] == [
        "Open “Settings > API settings”. Copy “API key”. Copy “API secret”.",
        (
            "Open “Settings > API settings”. Turn on “SMS API”. "
            "Paste the delivery report URL into “Delivery receipts (DLR) webhooks”."
        ),
    ]


def test_numbers_of_a_drawing_are_not_written_as_the_reader_writes_numbers() -> None:
    with translation.override("de"):
        html = read_guide(registry.get("twilio"))
    assert re.findall(r'viewBox="([^"]+)"', html)[0] == "0 0 360 142"
    places = re.findall(r' [xy]="([^"]+)"', html)
    assert len(places) > 10
    assert [one for one in places if not re.fullmatch(r"-?\d+", one)] == []


def test_the_guide_stands_beside_the_form_without_what_needs_an_account(alice: Client, portal: Portal) -> None:
    html = alice.get(f"/p/{portal.uuid.hex}/senders/connect/vonage/").content.decode()
    assert html.count('<svg class="screen"') == 1
    assert "{report_url}" not in html
    assert "Copy “API secret”." in html


@pytest.mark.parametrize(
    ("code", "heading", "link"),
    [
        ("twilio", "Connect Twilio", "Twilio website"),
        ("http", "Connect a custom HTTP gateway", "About SMS gateways"),
        ("demo", "Connect the demo service", ""),
    ],
)
def test_titles_are_whole_sentences(alice: Client, portal: Portal, code: str, heading: str, link: str) -> None:
    html = alice.get(f"/p/{portal.uuid.hex}/senders/connect/{code}/").content.decode()
    assert f'<h1 tabindex="-1">{heading}</h1>' in html
    assert link in html


def test_a_step_without_a_picture_draws_nothing() -> None:
    html = render_to_string("console/connect/setup_steps.html", {"steps": [Step("One", "Do it.")]})
    assert '<svg class="screen"' not in html
    both = [Step("One", "Do it."), Step("Two", "Do it.", "https://example.com/", Screen(("A",), ()))]
    assert '<svg class="screen"' not in render_to_string("console/connect/setup_steps.html", {"steps": both})
