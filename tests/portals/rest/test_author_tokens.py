"""Authors' tokens are kept sealed, for their portal and their hour."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from b24app.core.redis import redis_client
from b24app.portals import installation
from b24app.portals.rest import author_tokens
from b24app.portals.rest.author_tokens import AuthorToken
from tests import factories

BOB = 7
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty() -> None:
    redis_client().flushdb()


def test_bob_s_token_is_found_in_alice_s_portal_and_in_no_other() -> None:
    alices, charlies = factories.portal("alice"), factories.portal("charlie")
    kept = AuthorToken("secret-access", (timezone.now() + HOUR).replace(microsecond=0))
    author_tokens.keep_token(alices.pk, BOB, kept)
    assert author_tokens.find_tokens(alices, [1, BOB]) == {BOB: kept}
    assert author_tokens.find_tokens(charlies, [1, BOB]) == {}
    assert author_tokens.find_tokens(alices, []) == {}


def test_a_token_is_sealed_and_gone_when_it_has_expired() -> None:
    portal = factories.portal()
    author_tokens.keep_token(portal.pk, BOB, AuthorToken("secret-access", timezone.now() + HOUR))
    (key,) = redis_client().keys("authors:*")
    (sealed,) = redis_client().hvals(key)
    assert "secret-access" not in str(sealed)
    assert 3_590 < redis_client().ttl(key) <= 3_600
    assert "secret-access" not in repr(author_tokens.find_tokens(portal, [BOB]))


def test_an_expired_token_is_not_kept() -> None:
    portal = factories.portal()
    author_tokens.keep_token(portal.pk, BOB, AuthorToken("secret-access", timezone.now()))
    assert author_tokens.find_tokens(portal, [BOB]) == {}


def test_an_author_who_writes_often_costs_one_write_in_ten_minutes() -> None:
    portal = factories.portal()
    author_tokens.keep_token(portal.pk, BOB, AuthorToken("first", timezone.now() + HOUR))
    author_tokens.keep_token(portal.pk, BOB, AuthorToken("second", timezone.now() + HOUR))
    assert author_tokens.find_tokens(portal, [BOB])[BOB].access == "first"


def test_what_no_key_unseals_counts_as_none() -> None:
    portal = factories.portal()
    redis_client().hset(f"authors:{portal.pk}", str(BOB), b"of-another-key")
    assert author_tokens.find_tokens(portal, [BOB]) == {}


def test_a_token_that_has_expired_since_is_not_found() -> None:
    portal = factories.portal()
    author_tokens.keep_token(portal.pk, BOB, AuthorToken("secret-access", timezone.now() + timedelta(seconds=1)))
    author_tokens.keep_token(portal.pk, 8, AuthorToken("another", timezone.now() + HOUR))
    time.sleep(1.1)
    assert list(author_tokens.find_tokens(portal, [BOB, 8])) == [8]


def test_an_uninstallation_drops_the_tokens_of_this_portal_s_authors_at_once() -> None:
    alices, charlies = factories.portal("alice"), factories.portal("charlie")
    for portal in (alices, charlies):
        author_tokens.keep_token(portal.pk, BOB, AuthorToken("secret-access", timezone.now() + HOUR))
    installation.uninstall_portal(alices, clean=False)
    assert author_tokens.find_tokens(alices, [BOB]) == {}
    assert list(author_tokens.find_tokens(charlies, [BOB])) == [BOB]
