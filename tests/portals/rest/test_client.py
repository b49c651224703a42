"""Calls and batches against the sandbox: every error is handled as in docs/bitrix24.md K."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from b24app.exchange_log.models import Exchange
from b24app.portals import tokens
from b24app.portals.errors import ConfirmationRequired, InDoubt, NotNow, NoToken, PortalGone, PortalRefused, Postponed
from b24app.portals.models import Portal, PortalToken, Suspension
from b24app.portals.rest.client import BatchCommand, PortalClient
from b24app.sandbox import Portal as There
from tests.portals.launches import ALICE, BOB, DANA, asked, launch

LIST = "messageservice.sender.list"
Force = Callable[..., None]


def in_seconds(moment: object) -> float:
    """Return how many seconds ahead a moment is."""
    return (moment - timezone.now()).total_seconds()  # type: ignore[operator,no-any-return]


def test_a_call_brings_the_result(portal: Portal) -> None:
    assert PortalClient(portal).call(LIST) == []


def test_an_exchange_is_kept_of_a_call_without_secrets(portal: Portal) -> None:
    token = PortalToken.objects.get(portal=portal)
    handler = "https://sendline.example/h/0/1/signature-of-this-address/"
    PortalClient(portal).call(
        "messageservice.sender.add",
        {"CODE": "front", "TYPE": "SMS", "HANDLER": handler, "NAME": {"en": "Front desk +12025550142"}},
    )
    kept = Exchange.objects.filter(portal_id=portal.pk).latest("id")
    assert (kept.peer, kept.method, kept.path, kept.status) == (
        "bitrix24",
        "POST",
        "/rest/messageservice.sender.add.json",
        200,
    )
    assert kept.request == "CODE=front TYPE=SMS"
    every = " ".join(str(row) for row in Exchange.objects.values_list())
    for secret in (token.access, token.refresh, handler, "2025550142", "sandbox-secret"):
        assert secret not in every


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ERROR_METHOD_NOT_FOUND", "Method not found!"),
        ("ERROR_MANIFEST_IS_NOT_AVAILABLE", "Manifest is not available"),
        ("NOT_FOUND", "Not found"),
        ("ERROR_NOT_FOUND", "Not found"),
        ("ERROR_ARGUMENT", "Argument is wrong"),
        ("ERROR_CORE", "Something is wrong"),
        ("INVALID_ARG_VALUE", "Value is wrong"),
        ("INVALID_REQUEST", "Https required."),
        ("ERROR_BATCH_METHOD_NOT_ALLOWED", "Method is not allowed for batch usage"),
        ("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded"),
        ("INVALID_CREDENTIALS", "Invalid request credentials"),
        ("WRONG_AUTH_TYPE", "Current authorization type is denied for this method"),
        ("ALLOWED_ONLY_INTRANET_USER", "Allowed only for intranet users"),
        ("ACCESS_ERROR", "Access error"),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_refusal_is_told_by_its_code_whatever_the_status(
    portal: Portal, alpha: There, forced: Force, code: str, words: str, status: int
) -> None:
    forced(code.lower(), words, status=status)
    with pytest.raises(PortalRefused) as caught:
        PortalClient(portal).call("app.info")
    assert (caught.value.code, caught.value.message) == (code, words)
    assert type(caught.value) is PortalRefused
    portal.refresh_from_db()
    assert portal.may_be_called(timezone.now())
    assert asked(alpha, "app.info") == [code.lower()]


@pytest.mark.parametrize(("code", "is_denied"), [("METHOD_CONFIRM_WAITING", False), ("METHOD_CONFIRM_DENIED", True)])
def test_a_method_that_an_administrator_has_to_allow_is_an_error_of_its_own(
    portal: Portal, alpha: There, forced: Force, code: str, is_denied: bool
) -> None:
    forced(code, "Waiting for confirmation", status=401, times=2)
    with pytest.raises(ConfirmationRequired) as caught:
        PortalClient(portal).call("app.info")
    assert (caught.value.code, caught.value.is_denied) == (code, is_denied)
    (answer,) = PortalClient(portal).batch([BatchCommand("app.info")])
    assert type(answer.error) is ConfirmationRequired
    assert PortalClient(portal).call("app.info")
    portal.refresh_from_db()
    assert (portal.suspension, portal.no_token_since) == ("", None)


@pytest.mark.parametrize(
    "code", ["INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER", "CONNECTION_ERROR", "WRONG_ENCODING"]
)
def test_an_internal_error_is_in_doubt(portal: Portal, alpha: There, forced: Force, code: str) -> None:
    forced(code, "Internal error", status=500)
    with pytest.raises(InDoubt) as caught:
        PortalClient(portal).call("app.info")
    assert caught.value.code == code
    assert asked(alpha, "app.info") == [code]


@pytest.mark.parametrize("code", ["APPLICATION_NOT_FOUND", "ERROR_OAUTH", "NOT_INSTALLED"])
def test_a_portal_without_the_application_is_gone_and_left_alone(
    portal: Portal, alpha: There, forced: Force, code: str
) -> None:
    forced(code, "Application not installed", status=401)
    with pytest.raises(PortalGone):
        PortalClient(portal).call("app.info")
    portal.refresh_from_db()
    assert portal.suspension == Suspension.GONE
    with pytest.raises(PortalGone):
        PortalClient(portal).call("app.info")
    assert asked(alpha, "app.info") == [code]


def test_a_suspension_that_has_run_out_lets_a_probe_through_which_ends_it(portal: Portal) -> None:
    Portal.objects.update(suspension=Suspension.GONE, suspended_until=timezone.now() - timedelta(seconds=1))
    portal.refresh_from_db()
    assert PortalClient(portal).call(LIST) == []
    portal.refresh_from_db()
    assert (portal.suspension, portal.suspended_until, portal.trouble) == ("", None, "")


@pytest.mark.parametrize(
    ("code", "words", "suspension", "seconds"),
    [
        ("PAYMENT_REQUIRED", "Subscription has been ended", Suspension.PAYMENT, 86400),
        ("ACCESS_DENIED", "REST is available only on commercial plans.", Suspension.PLAN, 86400),
        ("OVERLOAD_LIMIT", "REST API is blocked due to overload.", Suspension.OVERLOAD, 4 * 3600),
    ],
)
def test_a_lapse_suspends_the_portal_with_its_words(
    portal: Portal, alpha: There, forced: Force, code: str, words: str, suspension: str, seconds: int
) -> None:
    forced(code, words, status=403)
    with pytest.raises(NotNow) as caught:
        PortalClient(portal).call("app.info")
    portal.refresh_from_db()
    assert (portal.suspension, portal.trouble) == (suspension, words)
    assert caught.value.until == portal.suspended_until
    assert in_seconds(portal.suspended_until) == pytest.approx(seconds, abs=60)
    assert PortalToken.objects.get(portal=portal).is_admin
    with pytest.raises(NotNow):
        PortalClient(portal).call("app.info")
    assert asked(alpha, "app.info") == [code]


@pytest.mark.parametrize("status", [403, 410, 500])
def test_a_deleted_portal_is_probed_slowly(portal: Portal, forced: Force, status: int) -> None:
    forced("PORTAL_DELETED", "Portal was deleted", status=status)
    with pytest.raises(PortalGone):
        PortalClient(portal).call("app.info")
    portal.refresh_from_db()
    assert portal.suspension == Suspension.DELETED


def test_a_rate_limit_pauses_the_portal_a_second_and_then_two(portal: Portal, alpha: There) -> None:
    alpha.switches.unavailable = True
    with pytest.raises(NotNow) as first:
        PortalClient(portal).call(LIST)
    assert 0.9 < in_seconds(first.value.until) <= 1.2
    before = len(alpha.rest_log)
    with pytest.raises(NotNow):
        PortalClient(portal).call(LIST)
    assert len(alpha.rest_log) == before
    Portal.objects.update(rest_after=timezone.now())
    portal.refresh_from_db()
    with pytest.raises(NotNow) as second:
        PortalClient(portal).call(LIST)
    assert 1.9 < in_seconds(second.value.until) <= 2.4


@pytest.mark.parametrize("as_text", [False, True])
def test_the_operating_limit_waits_for_the_reset_that_the_last_good_answer_named(
    portal: Portal, alpha: There, as_text: bool
) -> None:
    alpha.switches.php_text = as_text
    PortalClient(portal).call(LIST)
    alpha.switches.operation_limit = True
    with pytest.raises(NotNow) as caught:
        PortalClient(portal).call(LIST)
    assert 500 < in_seconds(caught.value.until) <= 600
    portal.refresh_from_db()
    assert portal.rest_after is None


def test_the_operating_limit_waits_a_minute_where_no_answer_named_a_reset(portal: Portal, forced: Force) -> None:
    forced("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", method="scope", status=429)
    with pytest.raises(NotNow) as caught:
        PortalClient(portal).call("scope")
    assert in_seconds(caught.value.until) == pytest.approx(60, abs=2)


@pytest.mark.parametrize("code", ["insufficient_scope", "invalid_scope"])
def test_a_missing_permission_is_shown_as_trouble(portal: Portal, forced: Force, code: str) -> None:
    forced(code, "The request requires higher privileges", status=403)
    with pytest.raises(PortalRefused) as caught:
        PortalClient(portal).call("app.info")
    assert caught.value.code == code.upper()
    portal.refresh_from_db()
    assert portal.trouble == f"{code.upper()}: The request requires higher privileges"


@pytest.mark.parametrize("switch", ["down", "non_json"])
def test_no_answer_or_one_that_is_no_json_is_in_doubt(portal: Portal, alpha: There, switch: str) -> None:
    setattr(alpha.switches, switch, True)
    with pytest.raises(InDoubt) as caught:
        PortalClient(portal).call(LIST)
    assert caught.value.code == "NO_ANSWER"
    assert Exchange.objects.filter(portal_id=portal.pk).latest("id").error


def test_a_portal_in_our_own_network_is_not_reached(portal: Portal, settings: Settings) -> None:
    settings.ALLOWED_PRIVATE_NETWORKS = []
    with pytest.raises(InDoubt) as caught:
        PortalClient(portal).call(LIST)
    assert "may not be reached" in caught.value.message


# -- tokens ------------------------------------------------------------------------------------------------------------


def test_an_expired_token_is_renewed_once_and_the_call_repeated(portal: Portal, alpha: There) -> None:
    old = PortalToken.objects.get(portal=portal)
    alpha.expire_tokens()
    assert PortalClient(portal).call("app.info")
    assert asked(alpha, "app.info") == ["expired_token", "ok"]
    new = PortalToken.objects.get(portal=portal)
    assert (new.generation, new.user_id) == (old.generation + 1, ALICE)
    assert new.access != old.access
    assert new.refresh != old.refresh


@pytest.mark.parametrize("code", ["expired_token", "invalid_token", "NO_AUTH_FOUND"])
def test_a_token_that_stays_stale_after_its_renewal_is_dead(portal: Portal, forced: Force, code: str) -> None:
    forced(code, "No", status=401, times=2)
    with pytest.raises(NoToken):
        PortalClient(portal).call("app.info")
    assert PortalToken.objects.get(portal=portal).dead_reason == code.lower()
    portal.refresh_from_db()
    assert portal.no_token_since is not None


def test_a_fired_administrator_is_replaced_by_the_next(portal: Portal, alpha: There) -> None:
    launch(alpha, DANA)
    PortalToken.objects.filter(user_id=DANA).update(expires_at=timezone.now() + timedelta(minutes=30))
    alpha.set_user(ALICE, active=False)
    assert PortalClient(portal).call(LIST) == []
    assert PortalToken.objects.get(portal=portal, user_id=ALICE).dead_reason == "authorization_error"
    assert PortalToken.objects.get(portal=portal, user_id=DANA).dead_reason == ""
    portal.refresh_from_db()
    assert portal.no_token_since is None


def test_a_user_without_access_to_the_application_is_passed_over(portal: Portal, alpha: There) -> None:
    alpha.switches.user_access_error = True
    with pytest.raises(NoToken) as caught:
        PortalClient(portal).call(LIST)
    assert caught.value.code == "USER_ACCESS_ERROR"
    assert PortalToken.objects.get(portal=portal).dead_reason == "user_access_error"


def test_a_demoted_administrator_is_replaced_by_the_next(portal: Portal, alpha: There) -> None:
    launch(alpha, DANA)
    PortalToken.objects.filter(user_id=DANA).update(expires_at=timezone.now() + timedelta(minutes=30))
    alpha.set_user(ALICE, admin=False)
    assert PortalClient(portal).call(LIST) == []
    assert not PortalToken.objects.get(portal=portal, user_id=ALICE).is_admin


def test_access_denied_elsewhere_says_nothing_about_administrators(portal: Portal, forced: Force) -> None:
    forced("ACCESS_DENIED", "Access denied!", status=403)
    with pytest.raises(PortalRefused) as caught:
        PortalClient(portal).call("app.info")
    assert caught.value.code == "ACCESS_DENIED"
    assert PortalToken.objects.get(portal=portal).is_admin


def test_a_token_given_by_the_caller_is_the_only_one_tried(portal: Portal, alpha: There) -> None:
    launch(alpha, DANA)
    dana = PortalToken.objects.get(user_id=DANA)
    alpha.set_user(DANA, admin=False)
    with pytest.raises(NoToken):
        PortalClient(portal, token=dana).call(LIST)
    portal.refresh_from_db()
    assert portal.no_token_since is None


def test_no_token_at_all_is_noted_on_the_portal(portal: Portal, alpha: There) -> None:
    PortalToken.objects.all().delete()
    before = len(alpha.rest_log)
    with pytest.raises(NoToken):
        PortalClient(portal).call(LIST)
    portal.refresh_from_db()
    assert portal.no_token_since is not None
    assert len(alpha.rest_log) == before


def test_an_uninstalled_portal_is_not_called(portal: Portal, alpha: There) -> None:
    Portal.objects.update(uninstalled_at=timezone.now())
    PortalToken.objects.all().delete()
    before = len(alpha.rest_log)
    with pytest.raises(PortalGone):  # the instance in hand does not know yet
        PortalClient(portal).call(LIST)
    assert len(alpha.rest_log) == before


# -- a renamed portal --------------------------------------------------------------------------------------------------


def test_a_renamed_portal_is_followed_when_the_oauth_server_confirms_it(portal: Portal, alpha: There) -> None:
    alpha.rename("127.0.0.9")
    assert PortalClient(portal).call(LIST) == []
    portal.refresh_from_db()
    assert (portal.client_endpoint, portal.domain) == (alpha.client_endpoint, alpha.domain)
    assert "127.0.0.9" in portal.client_endpoint


def test_a_renamed_portal_is_followed_with_an_expired_token(portal: Portal, alpha: There) -> None:
    alpha.expire_tokens()
    alpha.rename("127.0.0.9")
    assert PortalClient(portal).call(LIST) == []
    portal.refresh_from_db()
    assert "127.0.0.9" in portal.client_endpoint


def test_a_redirect_that_the_oauth_server_does_not_confirm_is_not_followed(
    portal: Portal, alpha: There, beta: There
) -> None:
    # The portal points at beta, while the OAuth server knows a third address.
    Portal.objects.update(client_endpoint=alpha.client_endpoint.replace("localhost", "127.0.0.8"))
    portal.refresh_from_db()
    beta.state.former_hosts = ["127.0.0.8"]
    before = len(beta.rest_log)
    with pytest.raises(InDoubt) as caught:
        PortalClient(portal).call(LIST)
    assert caught.value.code == "REDIRECTED"
    portal.refresh_from_db()
    assert "127.0.0.8" in portal.client_endpoint
    assert len(beta.rest_log) == before


# -- batches -----------------------------------------------------------------------------------------------------------


def status_update(message_id: str) -> BatchCommand:
    params = {"CODE": "front", "MESSAGE_ID": message_id, "STATUS": "delivered"}
    return BatchCommand("messageservice.message.status.update", params)


def test_a_batch_is_one_request_and_keeps_the_order(portal: Portal, alpha: There) -> None:
    answers = PortalClient(portal).batch([BatchCommand(LIST), status_update("0" * 32), BatchCommand("app.info")])
    assert answers[0].result == []
    assert answers[1].error is not None
    assert answers[1].error.code == "ERROR_MESSAGE_NOT_FOUND"
    assert answers[2].result["INSTALLED"] is False
    assert asked(alpha, "batch") == ["ok"]
    kept = Exchange.objects.filter(portal_id=portal.pk).latest("id")
    assert kept.request.startswith("commands=3 ")
    assert kept.response == "ok=2 ERROR_MESSAGE_NOT_FOUND=1"


def test_fifty_refusals_come_back_in_their_places(portal: Portal) -> None:
    answers = PortalClient(portal).batch([status_update(f"{number:032d}") for number in range(50)])
    assert [answer.error.code for answer in answers if answer.error] == ["ERROR_MESSAGE_NOT_FOUND"] * 50


def test_more_than_fifty_commands_are_our_own_mistake(portal: Portal, alpha: There) -> None:
    with pytest.raises(ValueError, match="50"):
        PortalClient(portal).batch([BatchCommand(LIST)] * 51)
    assert asked(alpha, "batch") == []


def test_an_empty_batch_asks_nobody(portal: Portal, alpha: There) -> None:
    assert PortalClient(portal).batch([]) == []
    assert asked(alpha, "batch") == []


def test_commands_without_rights_are_repeated_alone_with_the_next_token(portal: Portal, alpha: There) -> None:
    launch(alpha, DANA)
    PortalToken.objects.filter(user_id=DANA).update(expires_at=timezone.now() + timedelta(minutes=30))
    alpha.set_user(ALICE, admin=False)
    answers = PortalClient(portal).batch([BatchCommand(LIST), BatchCommand(LIST)])
    assert [answer.result for answer in answers] == [[], []]
    assert asked(alpha, "batch") == ["ok", "ok"]
    assert not PortalToken.objects.get(user_id=ALICE).is_admin


def test_a_batch_that_nobody_has_the_rights_for_needs_a_token(portal: Portal, alpha: There) -> None:
    alpha.set_user(ALICE, admin=False)
    with pytest.raises(NoToken):
        PortalClient(portal).batch([BatchCommand(LIST)])


def test_a_command_over_the_operating_limit_is_postponed_and_the_others_done(portal: Portal, forced: Force) -> None:
    forced("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit.", method="app.info", status=429)
    answers = PortalClient(portal).batch([BatchCommand("app.info"), BatchCommand(LIST)])
    assert type(answers[0].error) is Postponed
    assert answers[1].result == []
    portal.refresh_from_db()
    assert portal.rest_after is None


@pytest.mark.parametrize("switch", ["down", "non_json"])
def test_a_batch_without_an_answer_is_in_doubt_for_all(portal: Portal, alpha: There, switch: str) -> None:
    setattr(alpha.switches, switch, True)
    with pytest.raises(InDoubt):
        PortalClient(portal).batch([BatchCommand(LIST), BatchCommand(LIST)])


def test_a_batch_renews_an_expired_token_once(portal: Portal, alpha: There) -> None:
    alpha.expire_tokens()
    assert PortalClient(portal).batch([BatchCommand(LIST)])[0].result == []
    assert PortalToken.objects.get(portal=portal).generation == 1


def test_an_author_may_push_what_is_theirs_while_no_administrator_is_left(portal: Portal, alpha: There) -> None:
    PortalToken.objects.all().delete()
    token = alpha.issue_token(BOB)
    tokens.store_author_token(portal, BOB, token.access, timezone.now() + timedelta(hours=1))
    assert PortalClient(portal).call("app.info")
    portal.refresh_from_db()
    assert portal.no_token_since is not None
    with pytest.raises(NoToken):
        PortalClient(portal).call(LIST)
