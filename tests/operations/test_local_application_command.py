"""The operator adds, lists, disables and changes local applications; secrets are neither arguments nor printed."""

import getpass
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, ManagementUtility, call_command
from django.db import connection
from django.utils import timezone

from b24app.audit.models import Change
from b24app.core import resealing
from b24app.portals.applications.credentials import portal_credentials
from b24app.portals.applications.models import LocalApplication
from b24app.portals.models import Portal, PortalToken, Suspension
from tests import factories

pytestmark = pytest.mark.django_db
CLIENT, SECRET, OTHER = "local.5f0d2a.81", "first-secret-0123456789", "second-secret-9876543210"


class Typed(StringIO):
    """Standard input as a terminal."""

    def isatty(self) -> bool:
        return True


def told(*arguments: str) -> str:
    """Return what the command prints."""
    out = StringIO()
    call_command("local_application", *arguments, stdout=out)
    return out.getvalue()


def refusal(*arguments: str) -> str:
    """Return why the command ends without effect."""
    with pytest.raises(CommandError) as caught:
        told(*arguments)
    return str(caught.value)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(f"{SECRET}\n"))


@pytest.fixture
def application() -> LocalApplication:
    return LocalApplication.objects.create(client_id=CLIENT, client_secret=SECRET, host="company.bitrix24.com")


@pytest.fixture
def portal(application: LocalApplication) -> Portal:
    portal = factories.portal("company", application=application)
    factories.token(portal, application=application)
    return portal


def test_adding_one_says_what_the_form_in_bitrix24_must_say(pipe: None) -> None:
    text = told("add", CLIENT, "--portal", "https://Company.Bitrix24.com/marketplace/")
    assert text.startswith(f"{CLIENT} may be used by company.bitrix24.com.\n")
    for words in (
        "Your handler path          https://sendline.example/app/\n",
        "Initial installation path  https://sendline.example/install/\n",
        "Assign permissions         messageservice (required)\n",
        "placement, crm, im, user_brief (optional)\n",
        "opens Sendline in the left menu of company.bitrix24.com",
    ):
        assert words in text
    assert SECRET not in text
    stored = LocalApplication.objects.get()
    assert (stored.client_id, stored.client_secret, stored.host) == (CLIENT, SECRET, "company.bitrix24.com")


def test_the_addresses_are_there_before_there_is_a_client_id() -> None:
    assert "https://sendline.example/install/" in told()


def test_the_secret_is_sealed_and_resealed_with_the_others(application: LocalApplication) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT client_secret FROM portals_localapplication")
        assert SECRET not in cursor.fetchone()[0]
    assert "portals.LocalApplication.client_secret" in [one.name for one in resealing.find_sealed_columns()]


def test_the_secret_is_read_from_a_file_or_a_prompt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    told("add", CLIENT, "--portal", "company.bitrix24.com", "--secret-file", str(file))
    assert LocalApplication.objects.get().client_secret == SECRET
    monkeypatch.setattr(sys, "stdin", Typed())
    monkeypatch.setattr(getpass, "getpass", lambda _prompt: OTHER)
    told("rotate_secret", CLIENT)
    assert LocalApplication.objects.get().client_secret == OTHER


@pytest.mark.parametrize("extra", [[SECRET], ["--secret", SECRET], [f"--secret={SECRET}"], ["--client-secret", SECRET]])
@pytest.mark.parametrize("deed", [["add", CLIENT, "--portal", "company.bitrix24.com"], ["rotate_secret", CLIENT]])
def test_a_secret_among_the_arguments_is_refused_and_not_repeated(
    pipe: None, deed: list[str], extra: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        ManagementUtility(["manage.py", "local_application", *deed, *extra]).execute()
    said = "".join(capsys.readouterr())
    assert end.value.code == 2
    assert "A secret is no argument" in said
    assert SECRET not in said
    assert not LocalApplication.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "typed", "words"),
    [
        ((CLIENT, "--portal", "company.bitrix24.com"), "", "A client secret is one line"),
        ((CLIENT, "--portal", "company.bitrix24.com"), "two words of it", "A client secret is one line"),
        ((CLIENT, "--portal", "not a host"), SECRET, "The portal's address is a host"),
        (("local 1", "--portal", "company.bitrix24.com"), SECRET, "A client id has only letters"),
        (("app.sendline.test", "--portal", "company.bitrix24.com"), SECRET, "This is the client id of the settings"),
        ((CLIENT, "--portal", "company.bitrix24.com", "--secret-file", "/none"), "", "The file /none cannot be read."),
    ],
)
def test_what_cannot_be_added_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], typed: str, words: str
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(typed))
    said = refusal("add", *arguments)
    assert said.startswith(words)
    assert not typed or typed not in said
    assert not LocalApplication.objects.exists()


def test_what_is_there_is_not_added_again(pipe: None, application: LocalApplication) -> None:
    assert refusal("add", CLIENT, "--portal", "another.bitrix24.com").startswith(f"{CLIENT} is there already")
    application.refresh_from_db()
    assert (application.host, application.client_secret) == ("company.bitrix24.com", SECRET)


@pytest.mark.parametrize("deed", ["disable", "enable", "rotate_secret"])
def test_an_unknown_client_id_is_refused(pipe: None, deed: str) -> None:
    assert refusal(deed, CLIENT).startswith("There is no local application with this client id")


def test_the_list_shows_how_far_each_is_and_no_secret(application: LocalApplication) -> None:
    day = f"{timezone.now():%Y-%m-%d}"
    line = f"{CLIENT} for company.bitrix24.com, added {day}: "
    assert told("list") == f"{line}not opened yet\n"
    portal = factories.portal("company", application=application)
    assert told("list") == f"{line}installed at {portal.domain}\n"
    Portal.objects.update(client_refused_at=timezone.now())
    assert told("list") == f"{line}installed at {portal.domain}, but Bitrix24 refuses the client secret\n"


def test_an_empty_list_says_so() -> None:
    assert told("list") == "There is no local application.\n"


def test_disabling_deletes_the_tokens_and_keeps_the_data_for_thirty_days(portal: Portal) -> None:
    charlie = factories.portal("charlie")
    factories.token(charlie)
    day = f"{timezone.now() + timedelta(days=30):%Y-%m-%d}"
    assert told("disable", CLIENT) == (
        f"{CLIENT} is disabled: nobody can open Sendline with it.\n"
        f"{portal.domain}: tokens deleted, nothing is sent; its data are erased on {day}.\n"
    )
    assert list(PortalToken.objects.values_list("portal", flat=True)) == [charlie.pk]
    assert list(Portal.objects.installed()) == [charlie]
    assert list(Change.objects.values_list("portal", "action")) == [(portal.pk, "uninstalled")]
    assert "disabled since" in told("list")
    told("disable", CLIENT)  # once more, for a launch that was under way
    assert Change.objects.count() == 1
    told("enable", CLIENT)
    assert LocalApplication.objects.get().disabled_at is None


def test_another_secret_is_used_at_once_and_a_portal_that_waited_for_it_is_probed(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, later = timezone.now(), timezone.now() + timedelta(days=1)
    Portal.objects.update(suspension=Suspension.GONE, client_refused_at=now, suspended_until=later)
    charlie = factories.portal("charlie", suspension=Suspension.GONE, client_refused_at=now, suspended_until=later)
    monkeypatch.setattr(sys, "stdin", StringIO(OTHER))
    assert told("rotate_secret", CLIENT) == f"{CLIENT} has another secret, which is used from now on.\n"
    portal = Portal.objects.get(pk=portal.pk)
    assert portal_credentials(portal).client_secret == OTHER
    assert portal.suspended_until is not None
    assert portal.suspended_until <= timezone.now()
    charlie.refresh_from_db()
    assert charlie.suspended_until == later
