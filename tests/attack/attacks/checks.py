"""M1, M2, M3, M5, M6 and some of L: what needs no load. Each check says in words what it was not refused."""

import base64
import re
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import urlencode, urljoin, urlsplit

from b24app.operations.local import visitor
from b24app.operations.local.journey import Journey
from tests.attack.attacks.fuzzing import ask
from tests.attack.deployment import ALICE, account_of, connect_account, open_as
from tests.attack.rows import member, portal_id
from tests.attack.scene import Outcome, Scene, fields_of
from tests.attack.victim import post
from tests.attack.wires import own_service

TOKEN, KEY = "SENTINEL-TOKEN-51d0c3aa", "SENTINELKEY7f3a9c21e4"
BOB = 7
KEEPERS = ("journal_exchange", "messaging_message", "messaging_connection", "messaging_deliveryreport")
FORMULA = re.compile(r"^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]")
Check = Callable[[Scene], Iterator[str]]


def every(scene: Scene) -> Outcome:
    """Try one after the other what an administrator, an employee and a stranger must be refused."""
    scene.ready()
    said, took = [], {}
    for check in CHECKS:
        began = time.monotonic()
        try:
            said += [f"{check.__name__}: {words}" for words in check(scene)]
        except Exception as error:  # noqa: BLE001 - one check that cannot be made keeps no other from being made
            said.append(f"{check.__name__} could not be made: {type(error).__name__}: {str(error)[:200]}")
        took[check.__name__] = round(time.monotonic() - began, 1)
    return Outcome(took, said)


def kept_secret_to_new_host(scene: Scene) -> Iterator[str]:
    """M1: change an account's host alone; the kept token must not reach the new one."""
    heard: list[str] = []
    account = {"account_sid": "AC" + "c" * 32, "auth_token": TOKEN, "base_url": scene.place.sms}
    code = connect_account(scene.alpha, "twilio", account)
    with own_service(lambda _path, _body: (200, {}), heard=heard) as url:
        browser, home = open_as(scene.alpha, ALICE)
        page = browser.get(urljoin(home.url, f"senders/accounts/{uuid.UUID(account_of(scene.alpha, code))}/"))
        form = visitor.find_form_with(page, "account-base_url")
        typed = {**form.fields, "account-auth_token": "", "account-base_url": url}
        post(urljoin(page.url, form.action or page.url), urlencode(typed).encode(), 15, browser.headers())
        time.sleep(0.5)
    sealed = base64.b64encode(f"{account['account_sid']}:{TOKEN}".encode()).decode()
    if any(TOKEN in words or sealed in words for words in heard):
        yield "the new host was told the kept token"


def formulas(scene: Scene) -> Iterator[str]:
    """M3: no cell of a file begins like a formula, with either separator."""
    console = scene.console(scene.alpha)
    notes = ("a;=6+6", "b,@SUM(1)", "\uff1d1+1", "c\n-2+3", "d\t=1")
    for number, note in enumerate(notes):
        console.post("stop-list/", {"number": f"+1202555018{number}", "note": note}, 15)
    page = visitor.fetch_page("GET", urljoin(console.home, "stop-list/export/"), headers=console.headers).expect_status(
        200
    )
    text = visitor.fetch_page("GET", urljoin(scene.app, page.headers["HX-Redirect"])).expect_status(200).text
    cells = [cell for line in text.splitlines() for cell in re.split("[;,\t]", line)]
    bad = {cell.strip('"') for cell in cells if FORMULA.match(cell.strip('"')) and not re.fullmatch(r"\+\d+", cell)}
    if bad:
        yield f"{len(bad)} cells begin like a formula"


def key_in_path(scene: Scene) -> Iterator[str]:
    """M5: a key in a gateway's path, written out or as {password}, stands in no table and on no page."""
    for path in (KEY, "{password}"):
        account = {"url": f"{scene.place.sms}/bot/{path}/send", "password": KEY, "content": "json"}
        account["body"] = '{"to": "{to}", "text": "{text}", "auth": "' + path + ':{to}"}'
        try:
            code = connect_account(scene.alpha, "http", account)
        except visitor.UnexpectedPage:
            continue  # what looks like a key is refused at the form
        yield from _kept_keys(scene, code)


def _kept_keys(scene: Scene, code: str) -> Iterator[str]:
    message = scene.alpha.ask("send", to="+12025550188", text="To a closed door.", code=code, author=BOB)["message_id"]
    scene.wait(lambda: scene.alpha.phase(message) == "done", 15)
    for table in KEEPERS:
        [(found,)] = scene.alpha.sql(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s", f"%{KEY}%")  # noqa: S608
        if found:
            yield f"{table} keeps the key in {found} rows"
    [(reference,)] = scene.alpha.sql("SELECT reference FROM messaging_message WHERE message_id = %s", message)
    browser, home = open_as(scene.alpha, BOB)
    page = visitor.fetch_page("GET", urljoin(home.url, f"journal/{reference}/"), headers=browser.headers())
    if KEY in page.text:
        yield "the Employee reads the key"


def employee_as_portal(scene: Scene) -> Iterator[str]:
    """M6: an employee's token changes nothing of a portal."""
    _action, fields = fields_of(scene.alpha, BOB)
    state = "SELECT installed_at, version, licence, secure FROM portals_portal WHERE id = %s"
    before = scene.alpha.sql(state, portal_id(scene.alpha))
    for event, data in (("ONAPPUPDATE", {"VERSION": "97"}), ("ONAPPPAYMENT", {"STATUS": "HACKED"})):
        form = {"event": event, "ts": str(int(time.time())), "auth[access_token]": fields["AUTH_ID"]}
        form |= {"auth[member_id]": member(scene.alpha), **{f"data[{name}]": value for name, value in data.items()}}
        post(f"{scene.app}/install/", urlencode(form).encode(), 15)
    action, fields = fields_of(scene.alpha, BOB)
    post(action.replace("PROTOCOL=0", "PROTOCOL=1"), urlencode(fields).encode(), 15)
    after = scene.alpha.sql(state, portal_id(scene.alpha))
    if after != before:
        yield f"changed {before} to {after}"
        scene.console(scene.alpha)
        Journey(scene.alpha.run, lambda *_: None).install_app()


def walked_round_the_proxy(scene: Scene) -> Iterator[str]:
    """L1: a client's own SCRIPT_NAME is nothing to us."""
    host, path = scene.hosts[-1], urlsplit(scene.handler(scene.own_gateway())).path
    for script, asked in (("/x", f"/x{path}"), ("/y", path)):
        body = b"message_id=l1&message_to=%2B12025550189&message_body=x"
        head = f"POST {asked} HTTP/1.1\r\nHost: 127.0.0.1\r\nSCRIPT_NAME: {script}\r\nContent-Length: {len(body)}\r\n"
        kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        status = ask(host, (head + kind).encode() + body)
        if status == 500 or (status == 200 and script == "/x"):
            yield f"SCRIPT_NAME {script} with its own path was answered {status}"


def days_without_end(scene: Scene) -> Iterator[str]:
    """L3: a day at the end of all days is a day."""
    for user in (ALICE, BOB):
        console = scene.console(scene.alpha, user)
        for query in ("until=9999-12-31", "since=0001-01-01", "since=9999-12-31&until=0001-01-01"):
            page = visitor.fetch_page("GET", urljoin(console.home, f"journal/?{query}"), headers=console.headers)
            if page.status >= 500:
                yield f"{query} is answered {page.status}"


def head_before_get(scene: Scene) -> Iterator[str]:
    """L4: a HEAD takes nobody's place."""
    console = scene.console(scene.alpha)
    asked = urljoin(console.home, "journal/export/0123456789abcdef0123456789abcdef/file/")
    path = visitor.fetch_page("GET", asked, headers=console.headers).expect_status(200).headers["HX-Redirect"]
    visitor.fetch_page("HEAD", urljoin(scene.app, path))
    status = visitor.fetch_page("GET", urljoin(scene.app, path)).status
    if status != 200:
        yield f"after a HEAD the file is {status}"


def strangers_hosts(scene: Scene) -> Iterator[str]:
    """L6: what a stranger writes into Host is no error of ours."""
    for _ in range(3):
        ask(scene.hosts[0], b"GET /app/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    time.sleep(0.5)
    logs = scene.alpha.folder / "logs"
    lines = [line for log in logs.glob("*.log") for line in log.read_text(errors="replace").splitlines()]
    loud = [line for line in lines if "evil.example" in line or "DisallowedHost" in line]
    if len(loud) > 1:  # once a minute it may be told
        yield f"{len(loud)} lines of the log"


def removed_addresses(scene: Scene) -> Iterator[str]:
    """M2: what calls an address after the application was removed is refused, and not sent after it is back."""
    code = scene.own_gateway()
    address = scene.handler(code)
    scene.alpha.ask("uninstall", clean=False)
    gone = "SELECT uninstalled_at IS NOT NULL FROM portals_portal WHERE id = %s"
    scene.wait(lambda: bool(scene.alpha.sql(gone, portal_id(scene.alpha))[0][0]), 15)
    status = _wish(address, "while-away")
    if status == 200:
        yield "a call after the removal was answered 200"
    Journey(scene.alpha.run, lambda *_: None).install_app()
    status = _wish(address, "old-address")
    time.sleep(3)
    taken = {one for (one,) in scene.alpha.sql("SELECT message_id FROM messaging_message WHERE ref <> ''")}
    if "while-away" in taken:
        yield "what was called while it was removed was sent after it came back"
    if status == 200 and "old-address" in taken:
        yield "the old address sends after the new installation"


def _wish(address: str, message_id: str) -> int | None:
    wish = {"message_id": message_id, "message_to": "+12025550187", "message_body": f"Unwanted: {message_id}"}
    return post(address, urlencode(wish).encode(), 15)


# The removal comes last: it is hard on all others.
CHECKS: Sequence[Check] = (
    kept_secret_to_new_host,
    formulas,
    key_in_path,
    employee_as_portal,
    walked_round_the_proxy,
    days_without_end,
    head_before_get,
    strangers_hosts,
    removed_addresses,
)
