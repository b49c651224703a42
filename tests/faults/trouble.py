"""Everything that goes wrong on that day: services, outages, the portal, strangers at the doors."""

import socket
from urllib.parse import urlencode, urljoin, urlsplit

from b24app.operations.local import visitor
from b24app.operations.local.visitor import Page, Visitor
from tests.faults.day import AS_WRITTEN, FOREIGN, NUMBERS, TEXTS, TWILIO_TOKEN, Day
from tests.faults.house import wait

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
WIRE_FAULTS = ("throttle", "server_error", "server_error_after", "close", "nonsense", "hold")
PORTAL_FAULTS = ("unavailable", "down", "non_json", "operation_limit", "lapsed_plan")
ORDINARY = NUMBERS[0]


def all_of_it(day: Day) -> None:
    """Run the whole day, in an order in which each trouble finds something to spoil."""
    day.connect()
    day.house.service(delay=0.3, hold_seconds=1.5)
    fates(day)
    services(day)
    strangers(day)
    launches(day)
    worker_killed(day)
    database_away(day)
    portal(day)
    redis_away(day)
    day.walk()
    day.note()
    day.kept.all_of_it()


def fates(day: Day) -> None:
    """Send texts that are accepted, refused, opted out, failed, undelivered and never reported on, by both services."""
    day.house.sql("UPDATE messaging_connection SET rate = 50")
    everybody = (*NUMBERS, AS_WRITTEN)
    pairs = [(number, to, code) for number, to in enumerate(everybody) for code in (day.twilio, day.gateway)]
    sent = [day.house.send(to, code, TEXTS[number % len(TEXTS)]) for number, to, code in pairs]
    unreadable = day.house.send(ORDINARY + " or so", day.twilio, TEXTS[0])
    _attempted(day, [*sent, unreadable, day.house.send(ORDINARY, day.dead, TEXTS[0])])
    day.house.ask("repeat", message_id=unreadable)
    day.note()
    wait(lambda: _is_asked(day), 25, lambda: standing(day))


def _is_asked(day: Day) -> bool:
    """Was Twilio asked about what it never reported on? Its time comes now; a report that comes in may put it off."""
    day.house.sql(
        "UPDATE messaging_message SET poll_at = now() WHERE status = 'sent' AND connection_id IN"
        " (SELECT id FROM messaging_connection WHERE service = 'twilio')"
    )
    return _exchanges(day, "path LIKE '%%/Messages/SM%%'") > 0


def services(day: Day) -> None:
    """Have a service answer other than with a receipt, and reject an account."""
    for number, fault in enumerate(WIRE_FAULTS):
        day.house.service(**{fault: -1})
        text = TEXTS[number % len(TEXTS)]
        _attempted(day, [day.house.send(ORDINARY, code, text) for code in (day.twilio, day.gateway)])
        day.house.service(**{fault: 0})
        day.house.sql(
            "UPDATE messaging_connection SET breaker_until = NULL, troubles_in_a_row = 0, throttled_until = NULL"
        )
    day.house.service(reject={"*": 20003})
    for code in (day.twilio, day.gateway):
        day.house.send(ORDINARY, code, TEXTS[1])
    wait(lambda: bool(day.house.sql("SELECT 1 FROM messaging_connection WHERE state = 'blocked'")), 20)
    day.house.service(reject={})
    alice, home = day.house.open()
    [(blocked,)] = day.house.sql("SELECT uuid FROM messaging_connection WHERE state = 'blocked'")
    page = alice.get(urljoin(home.url, f"senders/accounts/{blocked}/"))
    day.kept.page("blocked", page.text)
    alice.submit(page, visitor.find_form_with(page, "account-auth_token"), **{"account-auth_token": TWILIO_TOKEN})
    day.note()


def strangers(day: Day) -> None:
    """Forged and malformed calls at the three outside doors, and at the web server itself."""
    handler = next(one["handler"] for one in day.house.state()["senders"] if one["code"] == day.twilio)
    event = day.house.state()["handlers"][0]["handler"]
    report = next(one["callback"] for one in day.house.ledger() if one["path"] == "twilio")
    gateway = next(one["callback"] for one in day.house.ledger() if one["path"] == "gateway")
    wish = {"message_to": ORDINARY, "message_body": TEXTS[0], "auth[access_token]": FOREIGN, "auth[user_id]": "1"}
    told = {"MessageSid": "SM1", "MessageStatus": "sent", "To": ORDINARY, "Body": TEXTS[0]}
    for address in (handler, event, report, gateway):
        for target in (address, address.replace(address[-6:-2], "zzzz")):
            for form in (wish, told, {"event": "ONAPPUNINSTALL", "auth[application_token]": FOREIGN}):
                day.kept.page("doors", _post(target, urlencode(form).encode(), FORM))
            for content in (JSON, {"Content-Type": "multipart/form-data; boundary=b"}, {"Content-Type": "no/type"}):
                _post(target, f'{{"id": "{ORDINARY}", "text": "{TEXTS[0]}", "auth": "{FOREIGN}'.encode(), content)
        _raw(address, f"POST {{path}} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000000\r\n\r\n{urlencode(wish)}")
        _raw(address, "POST {path}\r\n\r\n")
        _raw(address, "POST {path} HTTP/1.1\r\nHost: x\r\nBad Header {path}: y\r\n\r\n")
        _raw(address, "POST {path} HTTP/1.1\r\nHost: {path}\r\nContent-Length: zero\r\n\r\n")
        _raw(address, f"POST {{path}} HTTP/1.1\r\nHost: {FOREIGN} {{path}}\r\nContent-Length: 0\r\n\r\n")
    day.house.ask(
        "send", to=ORDINARY, text=TEXTS[2], code=day.twilio, overrides={"auth": {"application_token": FOREIGN}}
    )
    day.house.ask("send", to=ORDINARY, text=TEXTS[2], code=day.twilio, overrides={"message_id": "x\0y"})
    day.house.ask("fire", event="ONAPPPAYMENT", data={"STATUS": FOREIGN})


def launches(day: Day) -> None:
    """Try openings that cannot be verified, an invalid ticket, and a reconnection from nowhere."""
    frame = day.house.ask("frame", user=1)
    foreign = frame["fields"] | {"AUTH_ID": FOREIGN, "REFRESH_ID": FOREIGN, "APPLICATION_TOKEN": FOREIGN}
    for fields in (foreign, foreign | {"member_id": "0" * 32}, frame["fields"] | {"member_id": "0" * 32}):
        day.kept.page("unverifiable launch", _post(frame["action"], urlencode(fields).encode(), FORM))
    _alice, home = day.house.open()
    for headers in ({"Authorization": f"Bearer {FOREIGN}", "HX-Request": "true"}, {"Authorization": FOREIGN}):
        day.kept.page("no ticket", visitor.fetch_page("GET", home.url, headers=headers).text)
    code = day.house.ask("code", user=1)["code"]
    day.tokens.add(code)
    for query in (f"code={code}&state={FOREIGN}", f"code={code}&state={FOREIGN}&domain=localhost", f"error={FOREIGN}"):
        day.kept.page("way back", visitor.fetch_page("GET", urljoin(home.url, f"/oauth/?{query}")).text)
    day.kept.page("session", _post(urljoin(home.url, "/session/"), urlencode(foreign).encode(), FORM))


def worker_killed(day: Day) -> None:
    """In the middle of a send, with the queue left full."""
    day.house.service(hold=-1, hold_seconds=10.0, drop_reports=True)  # a report would prove the acceptance
    held = [day.house.send(ORDINARY, day.twilio, text) for text in TEXTS]
    wait(lambda: "on_wire" in {day.house.phase(one) for one in held}, 15, lambda: standing(day))
    day.kept.logs()
    day.house.run.supervisor.crash("worker")
    sent = [day.house.send(ORDINARY, day.gateway, text) for text in TEXTS]
    wait(lambda: all(_called(day, one) for one in sent), 15)
    day.kept.redis()
    day.house.service(hold=0)
    day.house.leases_run_out()
    day.house.worker()
    _attempted(day, sent)
    wait(lambda: "unknown" in {day.house.phase(one) for one in held}, 15, lambda: standing(day))
    day.house.service(drop_reports=False)


def database_away(day: Day) -> None:
    """For a while, with reports and a launch coming in."""
    sent = [day.house.send(to, day.twilio, TEXTS[0]) for to in NUMBERS]
    day.house.database.stop()
    sent += [day.house.send(ORDINARY, code, text) for code in (day.twilio, day.gateway) for text in TEXTS]
    wait(
        lambda: all(_called(day, one) for one in sent),
        12,
        lambda: str([day.house.messages()[one]["calls"] for one in sent]),
    )
    assert day.kept.spool() > 0
    day.house.ask("fire", event="ONAPPPAYMENT", data={"STATUS": "S"})
    frame = day.house.ask("frame", user=1)
    day.kept.page("no database", _post(frame["action"], urlencode(frame["fields"]).encode(), FORM))
    day.kept.logs()
    day.house.database.start()
    wait(lambda: all(day.house.phase(one) != "not there" for one in sent), 20)


def redis_away(day: Day) -> None:
    """For the rest of the day's messages nobody can ring."""
    day.house.redis.stop()
    last = [day.house.send(ORDINARY, code, TEXTS[1]) for code in (day.twilio, day.gateway)]
    wait(lambda: all(day.house.phase(one) != "not there" for one in last), 20)
    day.house.redis.start()


def portal(day: Day) -> None:
    """Make the portal answer errors, expire its tokens and change its name."""
    alice, home = day.house.open()
    for fault in PORTAL_FAULTS:
        frame = day.house.ask("frame", user=1)
        day.house.ask("switches", **{fault: True})
        day.kept.page(f"launch, {fault}", _post(frame["action"], urlencode(frame["fields"]).encode(), FORM))
        _compare(day, alice, home, fault)
        day.house.ask("switches", **{fault: False})
    quoted = {"method": "*", "error": "WRONG", "description": f"{ORDINARY} {min(day.tokens)}", "times": -1}
    day.house.ask("switches", method_errors=[quoted])
    _compare(day, alice, home, "refused")
    day.house.send(NUMBERS[-1], day.twilio, TEXTS[0])
    wait(lambda: _is_told_wrong(day), 25, lambda: standing(day))
    day.house.ask("switches", expire_tokens=True, method_errors=[])
    _compare(day, alice, home, "expired")
    day.note()
    day.house.ask("switches", expire_tokens=True, revoke_refresh=True)
    _compare(day, alice, home, "revoked")
    day.house.send(ORDINARY, day.twilio, TEXTS[0])
    wait(lambda: _is_revoked(day), 15, lambda: standing(day))
    _compare(day, alice, home, "with the author's token")
    alice, home = day.house.open()  # with a token again, so that the portal is asked
    day.house.ask("switches", rename="127.0.0.9")
    _compare(day, alice, home, "renamed")
    wait(lambda: _exchanges(day, "status = 302") > 0, 10, lambda: standing(day))
    day.house.open()
    day.note()


def _is_told_wrong(day: Day) -> bool:
    """Was the portal called in vain? A call that was under way may just have put it off once more."""
    _stand_up(day)
    return _exchanges(day, "path LIKE '%%/batch.json' AND error LIKE 'WRONG%%'") > 0


def _is_revoked(day: Day) -> bool:
    _stand_up(day)
    return bool(day.house.sql("SELECT 1 FROM portals_portaltoken WHERE refresh = ''"))


def _stand_up(day: Day) -> None:
    """Nothing stands against the portal any more."""
    day.house.sql(
        "UPDATE portals_portal SET suspension = '', suspended_until = NULL, rest_after = NULL, push_after = NULL"
    )


def _compare(day: Day, alice: Visitor, home: Page, name: str) -> None:
    """Have the console ask the portal, whatever stood against it."""
    _stand_up(day)
    page = alice.get(urljoin(home.url, "senders/"))
    answer = alice.submit(page, visitor.find_form_to(page, "/compare/"))
    day.kept.page(f"senders, {name}", f"{page.text}{answer.headers}{answer.text}")


def _attempted(day: Day, messages: list[str]) -> None:
    """Wait until all of these have been tried and are not on the wire."""
    tried = (
        "SELECT count(*) FROM messaging_message WHERE message_id = ANY(%s)"
        " AND phase <> 'on_wire' AND NOT (phase = 'waiting' AND attempts = 0)"
    )
    wait(lambda: day.house.sql(tried, messages) == [(len(messages),)], 60, lambda: standing(day))


def _exchanges(day: Day, where: str) -> int:
    """How many exchanges there are `where`."""
    [(count,)] = day.house.sql(f"SELECT count(*) FROM journal_exchange WHERE {where}")  # noqa: S608 - written here
    return int(count)


def _called(day: Day, message: str) -> bool:
    return {call["status"] for call in day.house.messages()[message]["calls"]} == {200}


def _post(url: str, body: bytes, headers: dict[str, str]) -> str:
    return visitor.fetch_page("POST", url, body=body, headers=headers).text


def _raw(address: str, request: str) -> None:
    """Bytes that no HTTP library would send."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=5) as connection:
        connection.sendall(request.replace("{path}", parts.path).encode())
        connection.recv(4096)


def standing(day: Day) -> str:
    """Where everything stands, for whoever reads why the day was not over."""
    queries = (
        "SELECT id, connection_id, status, phase, wait, due_at FROM messaging_message ORDER BY id DESC LIMIT 12",
        "SELECT id, state, lease_until, throttled_until, breaker_until, paced_until, now() FROM messaging_connection",
        "SELECT suspension, rest_after, push_lease_until, no_token_since FROM portals_portal",
    )
    rows = [str(row) for query in queries for row in day.house.sql(query)]
    return "\n".join([*rows, *day.house.run.supervisor.log_file("worker").read_text().splitlines()[-25:]])
