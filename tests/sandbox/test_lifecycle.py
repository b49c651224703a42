"""Install, finish, update, uninstall; events and what they carry; the frame's fields (docs/bitrix24.md A, F)."""

import json
import time
from urllib.parse import parse_qsl, urlsplit

import pytest

from b24app.sandbox import FrameRefused, Portal, Sandbox
from b24app.sandbox.phpform import nest_pairs
from tests.sandbox.clients import Listener, Rest


def events(box: Sandbox, app: Listener, count: int) -> list[dict[str, object]]:
    """Return the fields of the events, once `count` have come."""
    assert box.wait_until(lambda: len(app.arrivals) >= count)
    return [nest_pairs(parse_qsl(arrival.body.decode(), keep_blank_values=True)) for arrival in app.arrivals]


def bind(rest: Rest, app: Listener, *names: str) -> None:
    for name in names:
        assert rest("event.bind", event=name, handler=f"{app.url}/events/")[0] == 200


def test_the_first_frame_is_the_installer_with_all_fields(box: Sandbox, app: Listener) -> None:
    alpha = box.portal("alpha")
    frame = alpha.frame(user=2)
    target = urlsplit(frame["action"])
    query = dict(parse_qsl(target.query))
    fields = frame["fields"]

    assert (target.netloc, target.path) == (urlsplit(app.url).netloc, "/install/")
    assert query == {"DOMAIN": alpha.domain, "PROTOCOL": "0", "LANG": "ru", "APP_SID": frame["sid"]}
    assert frame["name"] == f"{alpha.domain}|0|{frame['sid']}"
    assert set(fields) == {
        *("AUTH_ID", "AUTH_EXPIRES", "REFRESH_ID", "member_id", "status", "PLACEMENT", "PLACEMENT_OPTIONS"),
        *("SERVER_ENDPOINT", "APPLICATION_TOKEN", "APPLICATION_SCOPE"),
    }
    assert (fields["PLACEMENT"], fields["PLACEMENT_OPTIONS"], fields["AUTH_EXPIRES"]) == ("DEFAULT", "[]", "3600")
    assert alpha.tokens[fields["AUTH_ID"]].user_id == 2
    assert frame["init"]["INSTALL"] is True


def test_an_older_portal_posts_fewer_fields(alpha: Portal) -> None:
    alpha.switches.modern = False

    assert not {"SERVER_ENDPOINT", "APPLICATION_TOKEN", "APPLICATION_SCOPE"} & set(alpha.frame()["fields"])


def test_an_employee_sees_nothing_before_the_end_of_the_installation(box: Sandbox, alpha: Portal) -> None:
    with pytest.raises(FrameRefused):
        box.portal("beta").frame(user=7)
    alpha.update()
    with pytest.raises(FrameRefused):
        alpha.frame(user=7)
    alpha.install_finish()

    assert urlsplit(alpha.frame(user=7)["action"]).path == "/app/"


def test_a_placement_is_framed_at_its_handler(alpha: Portal, rest: Rest, app: Listener) -> None:
    handler = f"{app.url}/card/?v=1"
    rest("placement.bind", PLACEMENT="CRM_CONTACT_DETAIL_TAB", HANDLER=handler, TITLE="SMS")
    frame = alpha.frame(7, "CRM_CONTACT_DETAIL_TAB", {"ID": "1"})

    assert frame["action"].startswith(f"{handler}&DOMAIN=")
    assert json.loads(frame["fields"]["PLACEMENT_OPTIONS"]) == {"ID": "1"}
    with pytest.raises(FrameRefused):
        alpha.frame(7, "CRM_DEAL_DETAIL_TAB")


def test_a_spoilt_frame_carries_a_dead_token_once(alpha: Portal, rest: Rest) -> None:
    alpha.switches.expire_next = True
    rest.token = alpha.frame()["fields"]["AUTH_ID"]
    assert rest.error("profile")[:2] == (401, "expired_token")
    rest.token = alpha.frame()["fields"]["AUTH_ID"]

    assert rest("profile")[0] == 200


def test_events_wait_for_the_end_of_the_installation(box: Sandbox, alpha: Portal, rest: Rest, app: Listener) -> None:
    alpha.state.app.installed = False
    bind(rest, app, "ONAPPINSTALL", "ONAPPPAYMENT")
    assert alpha.fire("ONAPPPAYMENT") == 0
    alpha.install_finish(user_id=2)
    event = events(box, app, 1)[0]
    auth = event["auth"]

    assert [event["event"], event["event_handler_id"]] == ["ONAPPINSTALL", str(alpha.handlers[0].id)]
    assert event["data"] == {"VERSION": "1", "ACTIVE": "Y", "INSTALLED": "Y", "LANGUAGE_ID": "en"}
    assert isinstance(auth, dict)
    assert auth["user_id"] == "2"
    assert alpha.tokens[auth["access_token"]].refresh == auth["refresh_token"]
    assert len(app.arrivals) == 1


def test_an_update_takes_handlers_and_placements_away(box: Sandbox, alpha: Portal, rest: Rest, app: Listener) -> None:
    bind(rest, app, "ONAPPUPDATE")
    rest("messageservice.sender.add", CODE="a", TYPE="SMS", HANDLER="https://a.example/", NAME="a")
    old = alpha.state.app.token
    alpha.update()
    event = events(box, app, 1)[0]

    assert event["data"] == {"VERSION": "2", "PREVIOUS_VERSION": "1", "LANGUAGE_ID": "en"}
    assert isinstance(event["auth"], dict)
    assert event["auth"]["application_token"] == alpha.state.app.token != old
    assert (alpha.handlers, alpha.placements, alpha.state.app.installed) == ([], [], False)
    assert list(alpha.senders) == ["a"]
    alpha.switches.update_wipes = True
    alpha.update()
    assert alpha.senders == {}


def test_an_uninstall_says_goodbye_without_tokens(box: Sandbox, alpha: Portal, rest: Rest, app: Listener) -> None:
    bind(rest, app, "ONAPPUNINSTALL")
    rest("messageservice.sender.add", CODE="a", TYPE="SMS", HANDLER="https://a.example/", NAME="a")
    alpha.uninstall(clean=True)
    event = events(box, app, 1)[0]

    assert event["data"] == {"LANGUAGE_ID": "en", "CLEAN": "1"}
    assert isinstance(event["auth"], dict)
    assert sorted(event["auth"]) == ["application_token", "client_endpoint", "domain", "member_id", "server_endpoint"]
    assert (alpha.handlers, alpha.senders, alpha.state.app.present) == ([], {}, False)


def test_a_reinstall_has_new_tokens(alpha: Portal) -> None:
    old = alpha.state.app.token
    alpha.issue_token(1)
    alpha.reinstall()

    assert alpha.state.app.token != old
    assert alpha.tokens == {}
    assert (alpha.state.app.present, alpha.state.app.installed) == (True, False)


def test_a_system_user_is_announced_at_the_installers_address(box: Sandbox, alpha: Portal, app: Listener) -> None:
    alpha.switches.system_user = True
    alpha.install_finish(user_id=1)
    event = events(box, app, 1)[0]
    data, auth = event["data"], event["auth"]

    assert urlsplit(app.arrivals[0].url).path == "/install/"
    assert event["event"] == "ONAPPUSERREADY"
    assert isinstance(data, dict)
    assert isinstance(auth, dict)
    assert alpha.users[int(data["user_id"])].system
    assert data["client_id"] == "sandbox.app"
    assert alpha.tokens[data["access_token"]].refresh == data["refresh_token"]
    assert (auth["user_id"], auth["application_token"]) == ("1", alpha.state.app.token)


def test_no_events_after_the_payment_ran_out(alpha: Portal, rest: Rest, app: Listener) -> None:
    bind(rest, app, "ONAPPPAYMENT")
    alpha.switches.payment_required = True

    assert alpha.fire("ONAPPPAYMENT") == 0


@pytest.mark.parametrize("state", ["never finished", "updated", "unpaid"])
def test_nobody_is_told_of_an_uninstallation_while_no_events_are_sent(
    alpha: Portal, rest: Rest, app: Listener, state: str
) -> None:
    if state == "updated":
        alpha.switches.update_silent = True
        alpha.update()
    bind(rest, app, "ONAPPUNINSTALL")
    alpha.state.app.installed = state == "unpaid"
    alpha.switches.payment_required = state == "unpaid"
    alpha.uninstall(clean=True)
    time.sleep(0.3)

    assert (alpha.handlers, alpha.state.app.present, app.arrivals) == ([], False, [])


def test_an_update_that_wipes_handlers_first_tells_nobody(alpha: Portal, rest: Rest, app: Listener) -> None:
    bind(rest, app, "ONAPPUPDATE")
    alpha.switches.update_silent = True
    alpha.update()
    time.sleep(0.3)

    assert (alpha.handlers, alpha.state.app.version, app.arrivals) == ([], 2, [])


def test_a_stale_uninstallation_may_carry_the_token_that_is_valid_again(
    box: Sandbox, alpha: Portal, rest: Rest, app: Listener
) -> None:
    bind(rest, app, "ONAPPUNINSTALL")
    alpha.switches.same_token, alpha.switches.event_delay = True, 0.2
    alpha.reinstall()
    alpha.install_finish()
    auth = events(box, app, 1)[0]["auth"]

    assert isinstance(auth, dict)
    assert auth["application_token"] == alpha.state.app.token


def test_a_payment_may_be_told_without_proof(box: Sandbox, alpha: Portal, rest: Rest, app: Listener) -> None:
    bind(rest, app, "ONAPPPAYMENT")
    alpha.switches.bare_payment = True
    alpha.fire("ONAPPPAYMENT", {"STATUS": "S"})
    auth = events(box, app, 1)[0]["auth"]

    assert isinstance(auth, dict)
    assert sorted(auth) == ["client_endpoint", "domain", "member_id", "server_endpoint"]


def test_a_system_user_may_be_announced_before_anybody_opens_a_page(box: Sandbox, app: Listener) -> None:
    beta = box.portal("beta")
    beta.switches.system_user = beta.switches.system_user_early = True
    beta.install()
    data = events(box, app, 1)[0]["data"]
    beta.install_finish()

    assert isinstance(data, dict)
    assert beta.users[int(data["user_id"])].admin
    assert beta.tokens[data["access_token"]].user_id == int(data["user_id"])
    assert len(app.arrivals) == 1


def test_a_system_user_may_lack_rights_leaves_with_the_application_and_comes_back(
    box: Sandbox, alpha: Portal, rest: Rest, app: Listener
) -> None:
    alpha.switches.system_user, alpha.switches.system_user_admin = True, False
    alpha.install_finish()
    data = events(box, app, 1)[0]["data"]
    assert isinstance(data, dict)
    user = alpha.users[int(data["user_id"])]
    seen = [(user.admin, user.active)]
    alpha.uninstall()
    seen.append((user.admin, user.active))
    alpha.switches.system_user_admin = True
    alpha.install()
    alpha.install_finish()
    events(box, app, 2)

    assert [*seen, (user.admin, user.active)] == [(False, True), (False, False), (True, True)]
    assert sum(one.system for one in alpha.users.values()) == 1


def test_an_answer_to_a_confirmation_is_told(box: Sandbox, alpha: Portal, rest: Rest, app: Listener) -> None:
    bind(rest, app, "ONAPPMETHODCONFIRM")

    assert alpha.confirm_method("messageservice.sender.add", allow=False) == 1
    data = events(box, app, 1)[0]["data"]
    assert isinstance(data, dict)
    assert (data["METHOD"], data["CONFIRMED"]) == ("messageservice.sender.add", "0")


def test_a_widget_may_be_opened_without_anybodys_token(alpha: Portal, rest: Rest, app: Listener) -> None:
    rest("placement.bind", PLACEMENT="CRM_CONTACT_DETAIL_TAB", HANDLER=f"{app.url}/card/", TITLE="SMS")
    alpha.switches.widget_without_token = True
    fields = alpha.frame(7, "CRM_CONTACT_DETAIL_TAB", {"ID": "1"})["fields"]

    assert not {"AUTH_ID", "AUTH_EXPIRES", "REFRESH_ID", "status"} & set(fields)
    assert {"member_id", "PLACEMENT", "PLACEMENT_OPTIONS", "APPLICATION_TOKEN"} <= set(fields)
    assert "AUTH_ID" in alpha.frame(7)["fields"]


def test_a_portal_on_a_lapsed_plan_may_send_no_events(box: Sandbox, alpha: Portal, rest: Rest, app: Listener) -> None:
    bind(rest, app, "ONAPPPAYMENT")
    alpha.switches.lapsed_plan = True
    assert alpha.fire("ONAPPPAYMENT") == 1
    alpha.switches.lapsed_silent = True
    assert alpha.fire("ONAPPPAYMENT") == 0
    alpha.switches.lapsed_plan = False

    assert alpha.fire("ONAPPPAYMENT") == 1
