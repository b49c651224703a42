"""The SDK, restrained: it does nothing by itself, and neither its exceptions nor secrets get out."""

import logging
import time
import traceback
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from b24app.core.wait_limit import limit_waiting
from b24app.exchange_log.models import Exchange
from b24app.portals.applications.credentials import settings_credentials
from b24app.portals.rest import bitrix
from b24app.portals.rest.responses import ErrorResponse, NoResponse, Redirect, https_host
from b24app.sandbox import Portal as There
from b24app.sandbox import Sandbox
from tests.portals.launches import ALICE, BOB, asked

HANDLER = "https://h.example/signature"


@pytest.fixture
def said() -> list[Exchange]:
    return []


def rest_host(there: There) -> str:
    return https_host(there.client_endpoint)


def test_an_expired_token_reaches_us_as_an_error(alpha: There, said: list[Exchange]) -> None:
    token = alpha.issue_token(ALICE)
    alpha.expire_tokens()
    with pytest.raises(ErrorResponse) as caught:
        bitrix.call_method(rest_host(alpha), token.access, "app.info", {}, said.append)
    assert caught.value.code == "EXPIRED_TOKEN"
    assert alpha.tokens[token.access].refresh == token.refresh
    assert len(alpha.tokens) == 1
    assert [exchange.status for exchange in said] == [401]


def test_a_redirect_reaches_us_as_an_error(alpha: There, said: list[Exchange]) -> None:
    token, before = alpha.issue_token(ALICE), rest_host(alpha)
    alpha.rename("127.0.0.9")
    with pytest.raises(Redirect) as caught:
        bitrix.call_method(before, token.access, "app.info", {}, said.append)
    assert caught.value.host == rest_host(alpha)
    assert asked(alpha, "app.info") == []


def test_a_busy_portal_is_tried_once(alpha: There, said: list[Exchange]) -> None:
    alpha.switches.unavailable = True
    with pytest.raises(ErrorResponse) as caught:
        bitrix.call_method(rest_host(alpha), alpha.issue_token(ALICE).access, "app.info", {}, said.append)
    assert caught.value.code == "QUERY_LIMIT_EXCEEDED"
    assert asked(alpha, "app.info") == ["QUERY_LIMIT_EXCEEDED"]
    assert len(said) == 1


def test_the_environment_names_no_proxy_and_no_authorities(
    alpha: There, said: list[Exchange], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "/nowhere.pem")
    token = alpha.issue_token(ALICE)
    assert (
        bitrix.call_method(rest_host(alpha), token.access, "messageservice.sender.list", {}, said.append).result == []
    )


def test_an_authority_that_is_not_ours_is_not_trusted(alpha: There, said: list[Exchange], settings: Settings) -> None:
    settings.EXTRA_CA_FILE = ""
    with pytest.raises(NoResponse) as caught:
        bitrix.call_method(rest_host(alpha), alpha.issue_token(ALICE).access, "app.info", {}, said.append)
    assert caught.value.message == "the certificate is not valid"
    assert not caught.value.reached
    assert asked(alpha, "app.info") == []


def test_the_oauth_server_says_whose_token_it_is(box: Sandbox, alpha: There, said: list[Exchange]) -> None:
    owner = bitrix.app_info(box.world.oauth_host, alpha.issue_token(BOB).access, said.append)
    assert (owner.user_id, owner.member_id, owner.client_id) == (BOB, alpha.member_id, "sandbox.app")
    assert owner.client_endpoint == alpha.client_endpoint


def test_a_wrong_client_is_an_error_in_spite_of_its_status_200(
    box: Sandbox, alpha: There, said: list[Exchange], settings: Settings
) -> None:
    settings.B24_CLIENT_ID = "somebody.else"
    with pytest.raises(ErrorResponse) as caught:
        bitrix.refresh_token(
            box.world.oauth_host, settings_credentials(), alpha.issue_token(ALICE).refresh, said.append
        )
    assert caught.value.code == "WRONG_CLIENT"
    assert said[0].status == 200


class _Loud(logging.Handler):
    """Keeps every log line of every logger, the SDK's hidden one too."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.__dict__}")


@pytest.fixture
def lines() -> Iterator[list[str]]:
    handler, loggers = _Loud(), [logging.getLogger(), logging.getLogger("b24pysdk_NullLogger")]
    for logger in loggers:
        logger.addHandler(handler)
    yield handler.lines
    for logger in loggers:
        logger.removeHandler(handler)


def everything_in(error: BaseException | None) -> str:
    """Return what an error tracker might print of an exception and its context."""
    words = []
    while error is not None:
        words += [str(error), repr(error), repr(error.args), repr(getattr(error, "__dict__", ""))]
        words += traceback.format_exception(error)
        error = error.__cause__ or error.__context__
    return " ".join(words)


@pytest.mark.parametrize("switch", ["down", "non_json", "unavailable", "deleted", "lapsed_plan", "moved", "stranger"])
def test_no_secret_is_in_an_error_or_a_log_or_an_exchange(
    alpha: There, said: list[Exchange], settings: Settings, lines: list[str], switch: str
) -> None:
    token, host = alpha.issue_token(ALICE), rest_host(alpha)
    params = {"HANDLER": HANDLER}
    if switch == "moved":
        alpha.rename("127.0.0.9")
    elif switch == "stranger":
        settings.EXTRA_CA_FILE = ""
    else:
        setattr(alpha.switches, switch, True)
    with pytest.raises((ErrorResponse, NoResponse, Redirect)) as caught:
        bitrix.call_method(host, token.access, "messageservice.sender.add", params, said.append)
    kept = " ".join(repr(exchange.__dict__) for exchange in said)
    for place in (everything_in(caught.value), kept, " ".join(lines)):
        for secret in (token.access, token.refresh, settings.B24_CLIENT_SECRET, HANDLER):
            assert secret not in place


def test_behind_a_request_a_silent_portal_is_waited_for_a_little_and_then_not_asked_at_all(
    alpha: There, said: list[Exchange]
) -> None:
    token, host = alpha.issue_token(ALICE), rest_host(alpha)
    alpha.switches.slow = 4.0
    started = time.monotonic()
    with limit_waiting(each=0.5, total=0.9):
        for _ in range(5):
            with pytest.raises(NoResponse):
                bitrix.call_method(host, token.access, "app.info", {}, said.append)
    assert time.monotonic() - started < 3
    alpha.switches.slow = 0.0
    assert len([one for one in said if one.ms > 100]) <= 2
    assert [one.error for one in said] == ["no answer in time"] * 5


def test_a_refresh_is_waited_for_whoever_waits_for_us(box: Sandbox, alpha: There, said: list[Exchange]) -> None:
    """A refresh token works once: a response that is not read would cost the portal its tokens."""
    token = alpha.issue_token(ALICE)
    with limit_waiting(each=0.0, total=0.0):
        pair = bitrix.refresh_token(box.world.oauth_host, settings_credentials(), token.refresh, said.append)
    assert pair.refresh != token.refresh


@pytest.mark.parametrize("what", ["invalid_grant", "invalid_client", "silent"])
def test_no_secret_is_in_what_comes_of_a_refresh(
    box: Sandbox, alpha: There, said: list[Exchange], settings: Settings, lines: list[str], what: str
) -> None:
    token, host = alpha.issue_token(ALICE), box.world.oauth_host
    secrets = [token.access, token.refresh]
    if what == "invalid_grant":
        alpha.revoke_refresh()
    elif what == "invalid_client":
        settings.B24_CLIENT_SECRET = "a-wrong-secret"
    else:
        host = "127.0.0.1:9"
    with pytest.raises((ErrorResponse, NoResponse)) as caught:
        bitrix.refresh_token(host, settings_credentials(), secrets[1], said.append)
    kept = " ".join(repr(exchange.__dict__) for exchange in said)
    for place in (everything_in(caught.value), kept, " ".join(lines)):
        for secret in (*secrets, settings.B24_CLIENT_SECRET):
            assert secret not in place


def test_words_that_quote_a_secret_are_struck(alpha: There, said: list[Exchange]) -> None:
    token = alpha.issue_token(ALICE)
    words = f"No: {token.access} at https://h.example/x?auth=1 for +12025550142"
    alpha.switches.set("method_errors", [{"method": "app.info", "error": "ERROR_CORE", "description": words}])
    with pytest.raises(ErrorResponse) as caught:
        bitrix.call_method(rest_host(alpha), token.access, "app.info", {}, said.append)
    assert caught.value.message == "No: … at … for …"
    assert said[0].error == "ERROR_CORE: No: … at … for …"
