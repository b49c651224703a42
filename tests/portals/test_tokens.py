"""Whose token a portal is called with."""

from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.portals import tokens
from b24app.portals.models import Portal, PortalToken
from b24app.sandbox import Portal as There
from tests.portals.launches import ALICE, BOB, DANA, launch

SOON = timedelta(minutes=30)


@pytest.fixture
def token(portal: Portal) -> PortalToken:
    return PortalToken.objects.get(portal=portal)


def make(portal: Portal, user: int, **fields: object) -> PortalToken:
    values = {"access": "a", "refresh": "r", "expires_at": timezone.now() + SOON, "is_admin": True}
    return PortalToken.objects.create(portal=portal, user_id=user, **(values | fields))


def test_the_freshest_administrator_comes_first_and_the_system_user_after_them(
    portal: Portal, token: PortalToken
) -> None:
    system = make(portal, 1001, is_system=True, expires_at=timezone.now() + 9 * SOON)
    dana = make(portal, DANA)
    tried: list[int] = []
    while chosen := tokens.choose_token(portal, tried):
        tried.append(chosen.pk)
    assert tried == [token.pk, dana.pk, system.pk]


@pytest.mark.parametrize(
    "fields", [{"dead_reason": "invalid_grant"}, {"refresh": "", "expires_at": timezone.now() - SOON}]
)
def test_a_dead_token_is_not_chosen(portal: Portal, fields: dict[str, object]) -> None:
    PortalToken.objects.update(**fields)
    assert tokens.choose_token(portal) is None
    assert portal.no_token_since is not None


def test_a_token_of_another_portal_is_not_chosen(portal: Portal, beta: There) -> None:
    launch(beta)
    PortalToken.objects.filter(portal=portal).delete()
    assert tokens.choose_token(portal) is None


def test_an_authors_token_is_not_kept_while_an_administrators_lives(portal: Portal) -> None:
    tokens.store_author_token(portal, BOB, "access", timezone.now() + SOON)
    assert list(PortalToken.objects.values_list("user_id", flat=True)) == [ALICE]


def test_an_authors_token_is_kept_while_no_administrators_lives(portal: Portal) -> None:
    PortalToken.objects.update(dead_reason="invalid_grant")
    tokens.store_author_token(portal, BOB, "access", timezone.now() + SOON)
    tokens.store_author_token(portal, BOB, "newer", timezone.now() + SOON)
    row = PortalToken.objects.get(user_id=BOB)
    assert (row.access, row.refresh, row.is_admin) == ("newer", "", False)
    assert tokens.choose_token(portal) == row


def test_an_administrator_who_writes_herself_stays_one(portal: Portal) -> None:
    """Her lasting pair is dead; what comes with her message lives an hour, and she is still who can reconnect."""
    PortalToken.objects.update(dead_reason="invalid_grant")
    tokens.store_author_token(portal, ALICE, "access", timezone.now() + SOON)
    row = PortalToken.objects.get()
    assert (row.access, row.refresh, row.is_admin, row.demoted_at) == ("access", "", True, None)
    # An hour of her own does not hide the lack of a lasting token, and keeps nobody else's away.
    assert tokens.choose_token(portal) == row
    assert portal.no_token_since is not None
    tokens.store_author_token(portal, BOB, "his", timezone.now() + SOON)
    tokens.store_author_token(portal, ALICE, "newer", timezone.now() + 2 * SOON)
    assert set(PortalToken.objects.values_list("access", "is_admin")) == {("newer", True), ("his", False)}


def test_an_author_is_no_administrator_by_writing(portal: Portal) -> None:
    tokens.demote_token(PortalToken.objects.get())
    tokens.mark_dead(PortalToken.objects.get(), "invalid_grant")
    tokens.store_author_token(portal, ALICE, "access", timezone.now() + SOON)
    assert not PortalToken.objects.get().is_admin


def test_who_was_an_administrator_is_known_and_who_was_dismissed_left_out(portal: Portal) -> None:
    assert tokens.former_administrators(portal) == []
    now = timezone.now()
    Portal.objects.update(installed_by=DANA)
    portal.refresh_from_db()
    PortalToken.objects.update(is_admin=False, demoted_at=now - SOON)
    make(portal, 11, is_admin=False, demoted_at=now)
    make(portal, 12, is_admin=False, demoted_at=now, dead_reason="authorization_error")
    make(portal, 13, is_admin=False, refresh="")
    make(portal, 1001, is_admin=False, is_system=True, demoted_at=now)
    assert tokens.former_administrators(portal) == [11, ALICE, DANA]


def test_an_authors_token_replaces_no_pair_that_can_be_renewed(portal: Portal, token: PortalToken) -> None:
    PortalToken.objects.update(is_admin=False)
    tokens.store_author_token(portal, ALICE, "access", timezone.now() + SOON)
    row = PortalToken.objects.get()
    assert (row.access, row.refresh) == (token.access, token.refresh)
