"""REST conventions: tokens, envelopes, batch, limits, a renamed portal (docs/bitrix24.md B.3, B.4, C)."""

import time

import pytest
import requests

from b24app.sandbox import FrameRefused, MethodError, Portal, Sandbox
from tests.sandbox.clients import Listener, Rest


def test_an_answer_has_result_and_time(rest: Rest) -> None:
    status, body = rest("user.admin")

    assert (status, body["result"]) == (200, True)
    times = {
        "start",
        "finish",
        "duration",
        "processing",
        "date_start",
        "date_finish",
        "operating_reset_at",
        "operating",
    }
    assert set(body["time"]) == times


def test_the_token_travels_as_parameter_or_header(rest: Rest, alpha: Portal) -> None:
    url = f"{alpha.client_endpoint}profile.json"
    answers = [
        rest.session.get(url, params={"access_token": rest.token}),
        rest.session.post(url, data={"auth": rest.token}),
        rest.session.post(url, headers={"Authorization": f"Bearer {rest.token}"}),
    ]

    assert [answer.json()["result"]["NAME"] for answer in answers] == ["Alice"] * 3
    assert [answer.headers["Access-Control-Allow-Origin"] for answer in answers] == ["*"] * 3


def test_rest_is_https_only(alpha: Portal, session: requests.Session) -> None:
    answer = session.post(f"http://{alpha.domain}/rest/profile")

    assert (answer.status_code, answer.json()["error"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize(
    ("switch", "status", "code"),
    [
        ("deleted", 403, "PORTAL_DELETED"),
        ("overload", 503, "OVERLOAD_LIMIT"),
        ("unavailable", 503, "QUERY_LIMIT_EXCEEDED"),
        ("not_installed", 401, "ERROR_OAUTH"),
        ("payment_required", 401, "PAYMENT_REQUIRED"),
        ("lapsed_plan", 403, "ACCESS_DENIED"),
        ("user_access_error", 403, "user_access_error"),
        ("insufficient_scope", 403, "insufficient_scope"),
        ("operation_limit", 429, "OPERATION_TIME_LIMIT"),
    ],
)
def test_a_switch_answers_its_error(rest: Rest, alpha: Portal, switch: str, status: int, code: str) -> None:
    alpha.switches.set(switch, value=True)

    assert rest.error("messageservice.sender.list")[:2] == (status, code)
    alpha.switches.set(switch, value=False)
    assert rest("messageservice.sender.list")[0] == 200


def test_what_is_wrong_with_a_token(rest: Rest, alpha: Portal) -> None:
    seen = [Rest(alpha, rest.session, token).error("profile")[:2] for token in ("", "unknown")]
    alpha.set_user(1, active=False)
    seen.append(rest.error("profile")[:2])
    alpha.set_user(1, active=True)
    alpha.expire_tokens()
    seen.append(rest.error("profile")[:2])
    rest.token = alpha.issue_token(1).access
    alpha.uninstall()
    seen.append(rest.error("profile")[:2])
    alpha.install()
    seen.append(rest.error("profile")[:2])

    assert seen == [
        (401, "NO_AUTH_FOUND"),
        (401, "invalid_token"),
        (401, "authorization_error"),
        (401, "expired_token"),
        (401, "APPLICATION_NOT_FOUND"),
        (401, "invalid_token"),
    ]


def test_an_unknown_method_is_not_found(rest: Rest) -> None:
    assert rest.error("nothing.here") == (404, "ERROR_METHOD_NOT_FOUND", "Method not found!")


def test_a_parameter_named_token_breaks_the_call(rest: Rest) -> None:
    assert rest.error("profile", token="x")[:2] == (403, "ACCESS_DENIED")


def test_a_parameter_named_token_breaks_its_command_of_a_batch(rest: Rest) -> None:
    answer = rest("batch", cmd={"a": "profile?token=x", "b": "user.admin"})[1]["result"]

    assert (answer["result"], answer["result_error"]["a"]["error"]) == ({"b": True}, "ACCESS_DENIED")


def test_a_method_error_is_used_up(rest: Rest, alpha: Portal) -> None:
    alpha.switches.method_errors = [MethodError("messageservice.*", "INTERNAL_SERVER_ERROR", "x", 500, times=2)]
    statuses = [rest(name)[0] for name in ("messageservice.sender.list", "profile", "messageservice.sender.list")]

    assert statuses == [500, 200, 500]
    assert rest("messageservice.sender.list")[0] == 200


def test_down_closes_the_connection_and_non_json_is_html(rest: Rest, alpha: Portal) -> None:
    alpha.switches.down = True
    with pytest.raises(requests.ConnectionError):
        rest("profile")
    alpha.switches.down = False
    alpha.switches.non_json = True
    answer = rest.session.post(f"{alpha.client_endpoint}profile", json={"auth": rest.token})

    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html")


def test_the_bucket_holds_fifty(rest: Rest, alpha: Portal) -> None:
    started = time.monotonic()
    answers = [rest("profile")]
    while answers[-1][0] == 200:
        answers.append(rest("profile"))
    leaked = 2 * (time.monotonic() - started)

    assert 50 <= len(answers) - 1 <= 50 + leaked + 1
    assert (answers[-1][0], answers[-1][1]["error"]) == (503, "QUERY_LIMIT_EXCEEDED")
    alpha.switches.enterprise = True
    assert rest("profile")[0] == 200


def test_the_operating_limit_blocks_one_method(rest: Rest, alpha: Portal) -> None:
    alpha.switches.operating_cost, alpha.switches.operating_limit = 5.0, 8.0
    used = [rest("user.admin")[1]["time"]["operating"] for _ in range(2)]

    assert [round(seconds) for seconds in used] == [5, 10]
    assert rest.error("user.admin")[:2] == (429, "OPERATION_TIME_LIMIT")
    assert rest("profile")[0] == 200


def test_a_renamed_portal_redirects_from_its_old_host(rest: Rest, alpha: Portal) -> None:
    old = alpha.client_endpoint
    alpha.rename("127.0.0.9")
    answer = rest.session.post(f"{old}profile", json={"auth": rest.token}, allow_redirects=False)

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{alpha.client_endpoint}profile"
    assert "127.0.0.9" in alpha.client_endpoint
    assert rest("profile")[0] == 200


def test_portals_do_not_know_each_others_tokens(box: Sandbox, rest: Rest) -> None:
    beta = box.portal("beta")
    beta.install()

    assert Rest(beta, rest.session, rest.token).error("profile")[:2] == (401, "invalid_token")


def test_batch_answers_by_key(rest: Rest) -> None:
    cmd = {
        "me": "profile",
        "bad": "nothing",
        "nested": "batch?cmd[a]=profile",
        "add": "messageservice.sender.add?CODE=%21",
    }
    status, body = rest("batch", cmd=cmd)
    result = body["result"]

    assert status == 200
    assert result["result"]["me"]["NAME"] == "Alice"
    assert {key: error["error"] for key, error in result["result_error"].items()} == {
        "bad": "ERROR_METHOD_NOT_FOUND",
        "nested": "ERROR_BATCH_METHOD_NOT_ALLOWED",
        "add": "ERROR_SENDER_VALIDATION_FAILURE",
    }
    assert set(result["result_time"]) == {"me"}
    assert "operating" in result["result_time"]["me"]
    assert "operating" not in body["time"]


def test_empty_parts_of_a_batch_are_php_arrays(rest: Rest) -> None:
    assert rest("batch", cmd={})[1]["result"] == {
        "result": [],
        "result_error": [],
        "result_total": [],
        "result_next": [],
        "result_time": [],
    }


def test_a_batch_of_a_list_answers_with_a_list(rest: Rest) -> None:
    result = rest("batch", cmd=["user.admin", "scope"])[1]["result"]

    assert result["result"][0] is True
    assert "messageservice" in result["result"][1]
    assert result["result_error"] == []


def test_a_batch_may_be_a_form(rest: Rest, alpha: Portal) -> None:
    form = {"auth": rest.token, "halt": "0", "cmd[a]": "user.admin", "cmd[b]": "method.get?name=profile"}
    result = rest.session.post(f"{alpha.client_endpoint}batch", data=form).json()["result"]["result"]

    assert result == {"a": True, "b": {"isExisting": True, "isAvailable": True}}


def test_halt_leaves_the_later_commands_out(rest: Rest) -> None:
    result = rest("batch", halt=1, cmd={"a": "user.admin", "b": "nothing", "c": "user.admin"})[1]["result"]

    assert result["result"] == {"a": True}
    assert set(result["result_error"]) == {"b"}


def test_the_fifty_first_command_is_too_many(rest: Rest) -> None:
    result = rest("batch", cmd={f"c{number}": "user.admin" for number in range(52)})[1]["result"]

    assert len(result["result"]) == 50
    assert {key: error["error"] for key, error in result["result_error"].items()} == {
        "c50": "ERROR_BATCH_LENGTH_EXCEEDED",
        "c51": "ERROR_BATCH_LENGTH_EXCEEDED",
    }


def test_macros_insert_earlier_results(rest: Rest) -> None:
    cmd = {"me": "profile", "note": "im.notify.system.add?USER_ID=$result[me][ID]&MESSAGE=Hello"}
    rest("batch", cmd=cmd)

    assert [(item.user_id, item.message) for item in rest.portal.notifications] == [(1, "Hello")]


def test_a_batch_is_one_request_for_the_bucket(rest: Rest, alpha: Portal) -> None:
    rest("batch", cmd={f"c{number}": "user.admin" for number in range(50)})

    assert alpha.bucket_level == 1.0


def test_the_log_keeps_calls_without_tokens(rest: Rest, alpha: Portal) -> None:
    rest("method.get", name="profile")
    rest("batch", cmd={"a": "nothing?x=1"})

    assert [(call.method, call.params, call.outcome, call.inner) for call in alpha.rest_log] == [
        ("method.get", {"name": "profile"}, "ok", False),
        ("nothing", {"x": "1"}, "ERROR_METHOD_NOT_FOUND", True),
        ("batch", {"cmd": 1, "halt": False}, "ok", False),
    ]


def test_a_tag_replaces_the_earlier_notification(rest: Rest, alpha: Portal) -> None:
    for text in ("first", "second"):
        rest("im.notify.system.add", USER_ID=1, MESSAGE=text, TAG="sendline")
    rest("im.notify.system.add", USER_ID=2, MESSAGE="other person", TAG="sendline")

    assert [item.message for item in alpha.notifications] == ["second", "other person"]


def test_events_and_placements_are_bound_once(rest: Rest, bob: Rest, alpha: Portal) -> None:
    event = {"event": "OnAppUpdate", "handler": "https://a.example/e/"}
    place = {"PLACEMENT": "CRM_CONTACT_DETAIL_TAB", "HANDLER": "https://a.example/p/", "TITLE": "SMS"}

    assert rest("event.bind", **event)[1]["result"] is True
    again = (400, "ERROR_CORE", "Unable to set event handler: Handler already binded")
    assert rest.error("event.bind", **event) == again
    assert rest.error("event.bind", event="ONNOTHING", handler="x")[1] == "ERROR_EVENT_NOT_FOUND"
    assert rest("event.unbind", **event)[1]["result"] == {"count": 1}
    assert bob.error("placement.bind", **place)[1] == "ACCESS_DENIED"
    assert rest("placement.bind", **place)[1]["result"] is True
    assert rest.error("placement.bind", PLACEMENT="CRM_DEAL_DETAIL_TAB")[:2] == (200, "EMPTY_ERROR_HANDLER_URL")
    assert [item["placement"] for item in rest("placement.get")[1]["result"]] == ["CRM_CONTACT_DETAIL_TAB"]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"PLACEMENT": "DEFAULT"}, (400, "ERROR_ARGUMENT")),
        ({"TITLE": ""}, (400, "ERROR_ARGUMENT")),
        ({"USER_ID": 7}, (200, "ERROR_PLACEMENT_USER_MODE")),
        ({"PLACEMENT": "NOWHERE"}, (400, "ERROR_PLACEMENT_NOT_FOUND")),
    ],
)
def test_a_placement_is_refused(rest: Rest, change: dict[str, object], refusal: tuple[int, str]) -> None:
    place = {"PLACEMENT": "CRM_CONTACT_DETAIL_TAB", "HANDLER": "https://a.example/p/", "TITLE": "SMS"}

    assert rest.error("placement.bind", **place | change)[:2] == refusal
    assert rest.portal.placements == []
    assert rest("placement.bind", **place)[0] == 200


def test_every_command_of_a_slow_portal_takes_its_time(rest: Rest, alpha: Portal) -> None:
    alpha.switches.slow_command = 0.1
    began = time.monotonic()
    answer = rest("batch", cmd={"a": "profile", "b": "user.admin", "c": "scope"})[1]["result"]

    assert set(answer["result"]) == {"a", "b", "c"}
    assert time.monotonic() - began >= 0.3


def test_a_request_that_takes_too_long_is_cut_off_half_done(rest: Rest, alpha: Portal) -> None:
    alpha.switches.slow_command, alpha.switches.longest_request = 0.2, 0.5
    add = "messageservice.sender.add?TYPE=SMS&NAME=x&HANDLER=https%3A%2F%2Fa.example%2F&CODE="
    body = {"auth": rest.token, "cmd": [f"{add}{code}" for code in "abcd"]}
    answer = rest.session.post(f"{alpha.client_endpoint}batch", json=body)

    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (504, "text/html")
    assert list(alpha.senders) == ["a", "b"]


def test_an_error_may_hit_one_message_of_a_batch_and_have_no_code(rest: Rest, alpha: Portal) -> None:
    alpha.switches.set("method_errors", [{"method": "crm.contact.get", "error": "", "params": {"id": "2"}}])
    commands = {"a": "crm.contact.get?id=1", "b": "crm.contact.get?ID=2"}
    answer = rest("batch", cmd=commands)[1]["result"]

    assert (list(answer["result"]), answer["result_error"]) == (["a"], {"b": {"error": "", "error_description": ""}})


@pytest.mark.parametrize("status", [403, 410, 500])
def test_a_deleted_portal_answers_as_documents_or_source_or_sdk_say(rest: Rest, alpha: Portal, status: int) -> None:
    alpha.switches.deleted = True
    alpha.switches.set("deleted_status", status)

    assert rest.error("profile")[:2] == (status, "PORTAL_DELETED")


def test_a_method_waits_for_an_administrators_answer(rest: Rest, alpha: Portal) -> None:
    alpha.switches.set("confirm_methods", "messageservice.*")
    seen = [rest.error("messageservice.sender.list")[:2]]
    alpha.confirm_method("messageservice.sender.list", allow=False)
    seen.append(rest.error("messageservice.sender.list")[:2])
    alpha.confirm_method("messageservice.sender.list")

    assert seen == [(401, "METHOD_CONFIRM_WAITING"), (403, "METHOD_CONFIRM_DENIED")]
    assert [rest(name)[0] for name in ("messageservice.sender.list", "profile")] == [200, 200]


def test_older_portals_want_the_applications_own_host(rest: Rest, alpha: Portal, app: Listener) -> None:
    alpha.switches.same_host_only = True
    sender = {"CODE": "a", "TYPE": "SMS", "NAME": "a"}

    refusal = rest.error("messageservice.sender.add", HANDLER="https://elsewhere.example/", **sender)
    assert refusal[:2] == (400, "ERROR_HANDLER_URL_MATCH")
    assert rest("messageservice.sender.add", HANDLER=f"{app.url}/h/", **sender)[0] == 200


def test_an_answer_that_cannot_be_encoded_is_an_error_with_status_200(rest: Rest, alpha: Portal) -> None:
    alpha.set_user(1, name="\ud83d")

    assert (rest("profile")[0], rest("profile")[1]["error"]) == (200, "WRONG_ENCODING")


def test_numbers_may_come_as_text(rest: Rest, alpha: Portal) -> None:
    alpha.switches.php_text = True
    single = rest("user.get")[1]
    batch = rest("batch", cmd={"a": "user.get", "b": "user.admin"})[1]["result"]

    assert (single["total"], batch["result_total"], batch["result"]["b"]) == ("3", {"a": "3"}, True)
    assert str(single["time"]["operating_reset_at"]) is single["time"]["operating_reset_at"]
    assert float(batch["result_time"]["a"]["operating"]) > 0


def test_one_user_may_have_no_access(rest: Rest, bob: Rest, alpha: Portal) -> None:
    alpha.set_user(7, barred=True)

    assert bob.error("profile")[:2] == (403, "user_access_error")
    assert rest("profile")[0] == 200
    with pytest.raises(FrameRefused):
        alpha.frame(7)


def test_other_applications_fill_the_bucket_too(rest: Rest, alpha: Portal) -> None:
    alpha.switches.other_load = 1000.0
    assert rest("profile")[0] == 200
    time.sleep(0.1)

    assert rest.error("profile")[1] == "QUERY_LIMIT_EXCEEDED"
    alpha.empty_bucket()
    alpha.switches.other_load = 0.0
    assert rest("profile")[0] == 200
