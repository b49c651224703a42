"""The sandbox as a whole: kept state, control over HTTP, the command, the pages' addresses."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from b24app.sandbox import Portal, Sandbox
from b24app.sandbox.switches import STRICT
from tests.sandbox.clients import Listener


def control(session: requests.Session, box: Sandbox, name: str, **body: Any) -> Any:
    return session.post(f"{box.http_url}/_/{name}", json=body, timeout=30).json()


def test_the_state_survives_a_restart(tmp_path: Path, app: Listener) -> None:
    first = Sandbox(tmp_path, app.url)
    first.start()
    alpha = first.portal("alpha")
    alpha.switches.slow = 0.5
    alpha.install()
    token = alpha.issue_token(7)
    alpha.send_sms("+12025550100", "Hello", "gone", extra=["x"])
    first.stop()

    second = Sandbox(tmp_path, app.url)
    second.start()
    again = second.portal("alpha")
    second.stop()

    assert again.state == alpha.state
    assert again.tokens[token.access] == token
    assert (tmp_path / "ca.pem").read_bytes() == Path(second.ca_file).read_bytes()
    assert (tmp_path / "portals.json").stat().st_mode & 0o777 == 0o600


def test_the_sms_state_survives_a_restart(tmp_path: Path, session: requests.Session) -> None:
    first = Sandbox(tmp_path)
    first.start()
    first.sms.switches.reject = {"*": 21211}
    first.sms.switches.set("delay", 60)
    first.sms.switches.reject = {}
    session.post(
        f"{first.sms_url}/gateway/send", json={"to": "+12025550100", "text": "Hi", "reference": "r"}, timeout=30
    )
    first.stop()

    second = Sandbox(tmp_path)
    second.start()
    kept = second.sms.entries()
    second.stop()

    assert kept == first.sms.entries()
    assert [(entry["reference"], entry["accepted"]) for entry in kept] == [("r", 1)]
    assert second.sms.switches == first.sms.switches


def test_the_command_says_ready_and_stops_at_once(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "b24app.sandbox",
        "--http",
        "0",
        "--tls",
        "0",
        "--sms",
        "0",
        "--state",
        str(tmp_path),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "."})
    assert process.stdout is not None
    with process.stdout as output:
        words = output.readline().split()
        addresses = dict(word.split("=", 1) for word in words[1:])
        known = requests.get(f"{addresses['portal']}/_/portals", timeout=30).json()["portals"]
        process.send_signal(signal.SIGTERM)
        code = process.wait(timeout=30)

    assert words[0] == "ready"
    assert set(addresses) == {"portal", "rest", "oauth", "sms", "ca"}
    assert [portal["key"] for portal in known] == ["alpha", "beta"]
    assert code == 0
    assert (tmp_path / "portals.json").exists()


def test_a_message_can_be_driven_over_http(
    box: Sandbox, alpha: Portal, app: Listener, session: requests.Session, sender: str
) -> None:
    sent = control(session, box, "send", to="+12025550100", text="Hello", code=sender, author=0, module=None)
    assert box.wait_until(lambda: alpha.messages[0].status == "sent")
    control(session, box, "repeat", message_id=sent["message_id"])
    assert box.wait_until(lambda: len(alpha.messages[0].calls) == 2)
    shown = session.get(f"{box.http_url}/_/messages?portal=alpha").json()["messages"]

    assert [(item["message_id"], item["word"], item["handler_status"]) for item in shown] == [
        (sent["message_id"], "Sent", 200)
    ]
    assert len(app.arrivals) == 2


def test_switches_and_deeds_over_http(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    rule = {"method": "profile", "error": "ACCESS_DENIED", "status": 403}
    answer = control(
        session, box, "switches", portal="alpha", slow=1, no_author=True, method_errors=[rule], demote=2, fire=7,
        rename="127.0.0.8", language={"user": 1, "language": "de"},
    )  # fmt: skip

    assert (answer["slow"], answer["no_author"], answer["method_errors"][0]["times"]) == (1.0, True, -1)
    assert (alpha.users[2].admin, alpha.users[7].active, alpha.users[1].language) == (False, False, "de")
    assert alpha.state.former_hosts == ["localhost"]
    assert control(session, box, "switches", portal="alpha", nothing=True) == {"error": "KeyError: 'nothing'"}


def test_a_portal_is_strict_at_one_stroke(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    answer = control(session, box, "switches", portal="alpha", strict=True, disorder=0.0)

    assert {name: answer[name] for name in STRICT} == {**STRICT, "disorder": 0.0}
    assert control(session, box, "switches", portal="alpha", deleted_status=True) == {
        "error": "TypeError: deleted_status"
    }


def test_people_come_are_barred_and_confirm(box: Sandbox, alpha: Portal, session: requests.Session) -> None:
    control(session, box, "switches", portal="alpha", employ={"id": 9, "name": "Frank"}, bar=7, age=1)
    control(session, box, "switches", portal="alpha", confirm={"method": "profile", "allow": False}, next_day=True)

    assert (alpha.users[9].name, alpha.users[9].admin, alpha.users[7].barred) == ("Frank", False, True)
    assert alpha.state.confirmed == {"profile": False}
    control(session, box, "switches", portal="alpha", admit=7, move="127.0.0.9", register_again=True)
    assert (alpha.users[7].barred, alpha.state.former_hosts, alpha.state.host) == (False, [], "127.0.0.9")


def test_the_whole_installation_over_http(box: Sandbox, app: Listener, session: requests.Session) -> None:
    frame = control(session, box, "frame", portal="beta", user=1)
    finished = control(session, box, "install_finish", portal="beta")["app"]
    main = control(session, box, "frame", portal="beta", user=1)

    assert frame["action"].startswith(f"{app.url}/install/?")
    assert (finished["present"], finished["installed"]) == (True, True)
    assert main["action"].startswith(f"{app.url}/app/?")
    assert control(session, box, "frame", portal="beta", user=9) == {"refused": "There is no such employee."}
    assert control(session, box, "uninstall", portal="beta")["app"]["present"] is False


def test_more_portals_can_be_added(box: Sandbox, session: requests.Session) -> None:
    made = control(session, box, "portals", key="gamma")
    page = session.get(f"{made['url']}/", timeout=30)

    assert made["domain"].startswith("127.0.0.3:")
    assert page.status_code == 200
    assert box.portal("gamma").users[1].admin
    copy = control(session, box, "portals", key="delta", clone_of="gamma")
    assert (copy["member_id"], copy["domain"]) == (made["member_id"], f"127.0.0.4:{box.world.http_port}")


def test_every_page_is_served(box: Sandbox, session: requests.Session) -> None:
    paths = [
        "/",
        "/market/",
        "/app/",
        "/switches/",
        "/notifications/",
        "/crm/contact/details/1/",
        "/crm/deal/details/1/",
    ]
    answers = [session.get(f"{box.http_url}{path}") for path in [*paths, "/static/sandbox/shell.js"]]
    answers.append(session.get(f"{box.sms_url}/"))

    assert {answer.status_code for answer in answers} == {200}
    assert session.get(f"{box.http_url}/static/sandbox/../README.md").status_code == 404
    assert session.get(f"{box.http_url}/nothing/").status_code == 404


def test_a_link_of_a_notification_leads_to_the_application(box: Sandbox, session: requests.Session) -> None:
    page = session.get(f"{box.http_url}/marketplace/app/{box.world.client_id}/")
    assert page.url.endswith("/app/")
    assert page.status_code == 200
    assert session.get(f"{box.http_url}/marketplace/app/{box.world.client_id}/?view=7").url.endswith("/app/?view=7")
    assert session.get(f"{box.http_url}/marketplace/app/another/").status_code == 404


def test_the_application_address_can_come_late(box: Sandbox) -> None:
    box.app_url = "http://127.0.0.1:12345/"

    assert box.portal("alpha").frame()["action"].startswith("http://127.0.0.1:12345/install/?")
