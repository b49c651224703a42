"""Forms drawn from declared fields."""

import re
from typing import Any, ClassVar

import pytest
from django.template.loader import render_to_string
from django.utils import translation

from b24app.console.senders.forms import AccountForm, SenderForm
from b24app.portals.languages import FRAME_CODES
from providers.kit.contract import Provider, Reports
from providers.kit.fields import Choice, Field, Host, Number, Secret, Text, Url


class Everything(Provider):
    code = "everything"
    title = "Everything"
    docs = "https://example.com/"
    reports = Reports.NONE
    tested = "contract"
    fields: ClassVar[tuple[Field, ...]] = (
        Text("login", "Login", help="Where you sign in."),
        Secret("key", "Key"),
        Choice("region", "Region", choices=(("eu", "Europe"), ("us", "America")), default="eu"),
        Number("port", "Port", min=1, max=65535, required=False, advanced=True),
        Url("base_url", "URL", default="https://api.example.com", advanced=True),
        Host("host", "Host", required=False, advanced=True),
    )
    sender_fields: ClassVar[tuple[Field, ...]] = (Text("template", "Template", required=False),)


def account(**values: str) -> dict[str, str]:
    filled = {"login": "alice", "key": "sentinel-secret-4f2a", "region": "us", "base_url": "", "port": "", "host": ""}
    return {f"account-{name}": value for name, value in {**filled, **values}.items()}


def sender(**values: Any) -> dict[str, Any]:
    return {f"sender-{name}": value for name, value in {"name_en": "Front desk", **values}.items()}


def test_values_are_cleaned_by_the_declaration_and_empty_ones_take_the_default() -> None:
    form = AccountForm(Everything, account(login=" alice ", port="0080"))
    assert form.is_valid()
    assert form.declared_values() == {
        "login": "alice",
        "key": "sentinel-secret-4f2a",
        "region": "us",
        "port": "80",
        "base_url": "https://api.example.com",
        "host": "",
    }


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("login", "", "This field is required."),
        ("key", " ", "This field is required."),
        ("region", "mars", "Select an option from the list."),
        ("port", "70000", "Enter 65535 or less."),
        ("base_url", "ftp://example.com", "The URL must start with https:// or http://."),
        ("host", "https://example.com/", "Enter the host name only, without https:// or a path."),
    ],
)
def test_an_error_stands_at_its_field(name: str, value: str, words: str) -> None:
    form = AccountForm(Everything, account(**{name: value}))
    assert not form.is_valid()
    assert form.errors == {name: [words]}


def test_a_secret_is_never_rendered_back() -> None:
    form = AccountForm(Everything, account(login=""), saved={"key": "sentinel-kept-secret"})
    drawn = form.as_p()
    assert "sentinel" not in drawn
    assert 'type="password"' in drawn


def test_only_what_is_typed_can_be_shown() -> None:
    saved = AccountForm(Everything, account(key="sentinel-typed"), saved={"key": "sentinel-kept-secret"})
    for form in (AccountForm(Everything), saved):
        drawn = render_to_string("console/forms/declared_fields.html", {"form": form})
        assert drawn.count("data-reveal") == 1
        button = re.findall(r"<button[^>]*data-reveal[^>]*>", drawn)[0]
        assert 'type="button"' in button
        assert " hidden " in button  # the script brings it: without one it would do nothing
        assert 'aria-pressed="false"' in button
        assert 'aria-controls="id_account-key"' in button
        assert re.search(r'aria-label="Show [^"]+"', button)
        assert "sentinel" not in drawn


def test_a_blank_secret_keeps_the_saved_one() -> None:
    form = AccountForm(Everything, account(key=""), saved={"key": "sentinel-kept-secret"})
    assert form.is_valid()
    assert form.declared_values()["key"] == "sentinel-kept-secret"


def test_a_new_secret_replaces_the_saved_one() -> None:
    form = AccountForm(Everything, account(key="new"), saved={"key": "sentinel-kept-secret"})
    assert form.is_valid()
    assert form.declared_values()["key"] == "new"


@pytest.mark.parametrize(("kept", "end"), [("sentinel-4f2a", "4f2a"), ("short-4f2a", ""), ("", "")])
def test_only_a_long_secret_shows_its_end(kept: str, end: str) -> None:
    assert AccountForm(Everything, saved={"key": kept})["key"].field.kept_end == end  # type: ignore[attr-defined]


def test_a_good_secret_stays_in_the_page_and_a_wrong_one_is_typed_anew() -> None:
    assert "hx-preserve" in str(AccountForm(Everything, account(login=""))["key"])
    wrong = AccountForm(Everything, account(key="line\nbreak"))
    assert not wrong.is_valid()
    assert "hx-preserve" not in str(wrong["key"])


def test_advanced_fields_are_folded_until_one_of_them_matters() -> None:
    (group,) = AccountForm(Everything).groups()
    assert [bound.name for bound in group.advanced] == ["port", "base_url", "host"]
    assert not group.is_open
    assert AccountForm(Everything, account(port="x")).groups()[0].is_open
    assert AccountForm(Everything, saved={"base_url": "https://eu.example.com"}).groups()[0].is_open


def test_a_long_form_sums_its_errors_up_in_the_order_of_the_page() -> None:
    form = AccountForm(Everything, account(login="", key=""))
    assert form.summed_up()
    assert [bound.name for bound in form.wrong()] == ["login", "key"]


def test_errors_speak_the_reader_s_language() -> None:
    form = AccountForm(Everything, account(port="70000"))
    with translation.override("ru"):
        assert "65535" in form.errors["port"][0]


def test_half_a_form_is_read_as_it_stands() -> None:
    form = AccountForm(Everything, {"account-login": "alice", "account-base_url": "not an address"})
    assert form.typed_values()["login"] == "alice"
    assert form.typed_values()["base_url"] == "not an address"
    assert form.typed_values()["region"] == "eu"


def test_a_sender_is_named_in_each_language_the_universal_first() -> None:
    form = SenderForm(Everything, sender(name_ru="Приёмная", description_ru="Для заявок", template="T1"))
    assert form.is_valid()
    assert list(form.names_by_language().items()) == [("en", "Front desk"), ("ru", "Приёмная")]
    assert form.descriptions_by_language() == {"ru": "Для заявок"}
    assert form.declared_values() == {"template": "T1"}


def test_one_name_is_enough_but_none_is_an_error_at_the_first() -> None:
    only_russian = SenderForm(Everything, sender(name_en="", name_ru="Приёмная"))
    assert only_russian.is_valid()
    assert only_russian.names_by_language() == {"ru": "Приёмная"}
    nameless = SenderForm(Everything, sender(name_en=" "))
    assert nameless.errors == {"name_en": ["Enter a name in at least one language."]}


def test_the_signature_is_one_of_the_account_s_or_another() -> None:
    offered = ["+12025550100", "ALICE"]
    chosen = SenderForm(Everything, sender(offer="ALICE", signature=""), offered=offered)
    assert chosen.is_valid()
    assert chosen.cleaned_data["signature"] == "ALICE"


def test_what_somebody_wrote_counts_where_another_one_is_chosen() -> None:
    offered = ["+12025550100", "ALICE"]
    for offer, meant in (("", "OTHER"), ("+12025550100", "+12025550100")):
        typed = SenderForm(Everything, sender(offer=offer, signature="OTHER"), offered=offered)
        assert typed.is_valid()
        assert typed.cleaned_data["signature"] == meant


def test_the_portal_s_own_language_comes_first_then_those_in_use() -> None:
    def shown(form: SenderForm) -> list[str]:
        return [one.code for one in form.shown_languages()]

    assert shown(SenderForm(Everything)) == ["en"]
    assert shown(SenderForm(Everything, language="de")) == ["de"]
    assert shown(SenderForm(Everything, language="xx")) == ["en"]
    used = SenderForm(Everything, language="de", initial={"name_ru": "Приёмная", "description_fr": "Accueil"})
    assert shown(used) == ["de", "ru", "fr"]
    others = [code for code, _language in used.other_languages()]
    assert sorted([*others, *shown(used)]) == sorted(FRAME_CODES)
    german = SenderForm(Everything, sender(name_en=""), language="de")
    assert german.errors == {"name_de": ["Enter a name in at least one language."]}


def test_a_saved_signature_is_chosen_again() -> None:
    form = SenderForm(Everything, offered=["+12025550100", "ALICE"], initial={"signature": "ALICE"})
    assert form["offer"].value() == "ALICE"
    assert form["signature"].value() == ""
    foreign = SenderForm(Everything, offered=["ALICE"], initial={"signature": "OTHER"})
    assert (foreign["offer"].value(), foreign["signature"].value()) == ("", "OTHER")
