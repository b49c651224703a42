"""The one door to the network, against real listeners."""

import logging
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme

from providers.kit import ssrf_guard
from providers.kit.errors import AccountBlocked, Rejected, SmsError, Uncertain, Unreachable
from providers.kit.http import MAX_ANSWER, MAX_KEPT, Exchange, Http
from providers.kit.ssrf_guard import Guard
from tests.providers.kit.loopback import Script, answer, drips, hangs_up, listening, read_request, says

OPEN = ("127.0.0.0/8", "::1/128")
SECRET = "s3cr/et key&ü"


def ignore(_exchange: Exchange) -> None:
    """Keep no record."""


@pytest.fixture
def exchanges() -> list[Exchange]:
    return []


@pytest.fixture
def http(exchanges: list[Exchange]) -> Iterator[Http]:
    made = Http(exchanges.append, secrets=[SECRET], private_networks=OPEN, connect_timeout=1.0, read_timeout=20.0)
    yield made
    made.close()


@pytest.fixture
def hasty(exchanges: list[Exchange]) -> Iterator[Http]:
    made = Http(exchanges.append, secrets=[SECRET], private_networks=OPEN, read_timeout=0.5)
    yield made
    made.close()


def test_a_form_arrives_and_is_recorded_struck(http: Http, exchanges: list[Exchange]) -> None:
    with listening(
        says(answer(b'{"id": 1, "to": "+12025550147"}', extra="Content-Type: application/json\r\n"))
    ) as gate:
        reply = http.hiding(number="+12025550147", text="Hello you").post(
            f"{gate.url}/send/{quote(SECRET)}?key={quote(SECRET)}",
            form={"To": "+12025550147", "Body": "Hello you", "Key": SECRET},
            auth=("ann", SECRET),
            headers={"X-Api-Key": "hidden-anyway"},
        )

    assert (reply.status, reply.need("id")) == (200, "1")
    assert b"To=%2B12025550147&Body=Hello+you&Key=s3cr%2Fet+key%26%C3%BC" in gate.requests[0]
    assert b"Authorization: Basic YW5uOnMzY3IvZXQga2V5JsO8\r\n" in gate.requests[0]
    only = exchanges[0]
    assert (only.method, only.host, only.path, only.status, only.error) == (
        "POST",
        f"127.0.0.1:{gate.port}",
        "/send/[secret]",
        200,
        "",
    )
    assert only.request.split("\n") == [
        "POST /send/[secret]?key=[secret]",
        "User-Agent: Sendline",
        "Accept: */*",
        "Content-Length: 59",
        "Content-Type: application/x-www-form-urlencoded",
        "",
        "To=[number]&Body=[text]&Key=[secret]",
    ]
    assert only.response.endswith('{"id": 1, "to": "[number]"}')


def test_a_login_keeps_no_bodies(http: Http, exchanges: list[Exchange]) -> None:
    with listening(says(answer(b'{"token": "fresh"}'))) as gate:
        http.post(f"{gate.url}/login", json={"login": "ann"}, record_bodies=False)

    assert exchanges[0].request.endswith("[not kept]")
    assert exchanges[0].response.endswith("[not kept]")
    assert "fresh" not in repr(exchanges[0])


def test_what_is_kept_is_cut_after_striking(http: Http, exchanges: list[Exchange]) -> None:
    with listening(says(answer(b"x" * (MAX_KEPT - 60) + SECRET.encode() + b"y" * MAX_KEPT))) as gate:
        http.get(gate.url)

    assert len(exchanges[0].response) == MAX_KEPT
    assert "[secret]" in exchanges[0].response


FAILURES: list[tuple[str, Script, type[SmsError]]] = [
    ("reset after the request", hangs_up(), Uncertain),
    ("half a status line", hangs_up(b"HTTP/1."), Uncertain),
    ("no HTTP at all", hangs_up(b"SSH-2.0-OpenSSH\r\n"), Uncertain),
    ("truncated body", hangs_up(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), Uncertain),
    ("truncated chunks", hangs_up(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel"), Uncertain),
    ("broken gzip", says(answer(b"not gzip", extra="Content-Encoding: gzip\r\n")), Uncertain),
    ("silence", lambda _wire: time.sleep(20), Uncertain),
    ("dripping headers", drips(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 60), Uncertain),
    ("dripping body", drips(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"x" * 500), Uncertain),
    ("dripping body without a length", drips(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 500), Uncertain),
    ("oversized", says(answer(b"x" * (MAX_ANSWER + 1))), Uncertain),
]


@pytest.mark.parametrize(("script", "kind"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_whatever_breaks_after_the_request_is_uncertain(
    hasty: Http, exchanges: list[Exchange], script: Script, kind: type[SmsError]
) -> None:
    with listening(script) as gate:
        started = time.monotonic()
        with pytest.raises(SmsError) as raised:
            hasty.post(f"{gate.url}/send?key={quote(SECRET)}", form={"a": "b"})

    assert type(raised.value) is kind
    assert time.monotonic() - started < 9  # each drip goes on for longer
    assert gate.connections == 1
    assert len(gate.requests) == 1
    assert len(exchanges) == 1
    assert exchanges[0].error == str(raised.value)
    told = "".join(traceback.format_exception(raised.value)) + repr(exchanges)
    assert SECRET not in told
    assert quote(SECRET) not in told
    assert raised.value.__context__ is None


@pytest.mark.parametrize("path", ["/base/..", "/base/../", "/base/%2e%2E/x", "/./x", "/base/.%2e", "/base/%2e?a=b"])
def test_no_segment_of_a_path_is_taken_away(http: Http, exchanges: list[Exchange], path: str) -> None:
    """What a text or an id adds to a path must not shorten it; a quoted dot is the same dot to every server."""
    with listening(says(answer(b"{}"))) as gate:
        with pytest.raises(Rejected) as raised:
            http.get(f"{gate.url}{path}")
        assert gate.connections == 0

    assert raised.value.reason == "invalid_request"
    assert exchanges == []


def test_dots_that_are_no_segment_stay_where_they_are(http: Http) -> None:
    with listening(says(answer(b"{}"))) as gate:
        http.get(f"{gate.url}/v1.2/..a/.../a..?to=../..")

    assert gate.requests[0].startswith(b"GET /v1.2/..a/.../a..?to=../.. HTTP/1.1")


def test_all_requests_together_may_have_an_end() -> None:
    http = Http(lambda _exchange: None, private_networks=["127.0.0.0/8"]).ending_within(1.0)
    started = time.monotonic()
    with listening(lambda _wire: time.sleep(6)) as gate:
        for _ in range(3):
            with pytest.raises(Uncertain):
                http.get(gate.url, timeout=30)
        assert time.monotonic() - started < 3
    http.close()


def test_nobody_listening_is_unreachable(http: Http) -> None:
    with listening(says(b"")) as gate:
        pass

    with pytest.raises(Unreachable) as raised:
        http.post(f"{gate.url}/send")
    assert str(raised.value) == f"POST 127.0.0.1:{gate.port}/send: the connection was refused"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example"])
def test_an_unknown_name_is_unreachable(http: Http, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_args: Any, **_options: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)  # the outside: a test must not ask a real resolver

    with pytest.raises((Unreachable, Rejected)):
        http.post(f"https://{host}/send")


def test_a_connection_nobody_accepts_is_unreachable(http: Http) -> None:
    full = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = []
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(full.getsockname())
        fillers.append(filler)
    try:
        with pytest.raises(Unreachable):
            http.post(f"http://127.0.0.1:{full.getsockname()[1]}/send")
    finally:
        for one in (*fillers, full):
            one.close()


@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, str]:
    made = trustme.CA()
    bundle = tmp_path / "bundle.pem"
    made.cert_pem.write_to_path(str(bundle))
    return made, str(bundle)


def _tls(context: ssl.SSLContext, inner: Script) -> Callable[[socket.socket], None]:
    def talk(wire: socket.socket) -> None:
        with context.wrap_socket(wire, server_side=True) as secure:
            read_request(secure)
            inner(secure)

    return talk


@pytest.fixture
def tls_port(authority: tuple[trustme.CA, str]) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority[0].issue_cert("gateway.example.com").configure_cert(context)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                wire, _address = server.accept()
                with wire:
                    wire.settimeout(30)
                    _tls(context, says(answer(b"safe")))(wire)
            except ssl.SSLError:
                continue
            except OSError:
                return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(2)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Names that resolve to what the test says, one answer after the other, the last for ever."""
    known: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: Any, **options: Any) -> Any:
        if host not in known:
            return real(host, port, *args, **options)
        address = known[host].pop(0) if len(known[host]) > 1 else known[host][0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


def test_tls_keeps_the_name_though_the_address_was_checked(
    names: dict[str, list[str]], tls_port: int, authority: tuple[trustme.CA, str]
) -> None:
    names["gateway.example.com"] = ["127.0.0.1"]
    http = Http(ignore, private_networks=OPEN, verify=authority[1])

    assert http.get(f"https://gateway.example.com:{tls_port}/").text == "safe"
    http.close()


def test_a_certificate_nobody_vouches_for_is_unreachable(names: dict[str, list[str]], tls_port: int) -> None:
    names["gateway.example.com"] = ["127.0.0.1"]
    http = Http(ignore, private_networks=OPEN)

    with pytest.raises(Unreachable) as raised:
        http.get(f"https://gateway.example.com:{tls_port}/")
    assert str(raised.value).endswith("the certificate is not valid")
    http.close()


def test_a_bundle_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="certificate bundle"):
        Http(ignore, verify=str(tmp_path / "missing.pem"))


def test_a_redirect_is_an_answer_and_not_followed(http: Http) -> None:
    with (
        listening(says(answer(b"secret place"))) as inner,
        listening(says(answer(b"", "302 Found", f"Location: {inner.url}/\r\n"))) as gate,
    ):
        reply = http.get(gate.url)

        assert reply.status == 302
        with pytest.raises(Uncertain):
            reply.expect()
        assert inner.connections == 0


def test_a_connection_is_used_again_until_it_has_idled(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(says(answer(b"ok"))) as gate:
        http.get(gate.url)
        http.hiding(text="other").get(gate.url)
        assert gate.connections == 1

        monkeypatch.setattr(ssrf_guard, "MAX_IDLE", 0.0)
        http.get(gate.url)
        assert gate.connections == 2


def test_a_connection_the_service_closed_meanwhile_does_no_harm(http: Http) -> None:
    with listening(hangs_up(answer(b"ok"))) as gate:
        for _ in range(3):
            assert http.get(gate.url).text == "ok"
            assert gate.closed.acquire(timeout=20)
        assert gate.connections == 3


def test_no_cookie_and_no_environment_get_into_a_request(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with listening(says(answer(b"ok", extra="Set-Cookie: a=b\r\n"))) as gate:
        http.get(gate.url)
        http.get(gate.url)

    assert b"Cookie" not in gate.requests[1]


def test_a_proxy_is_used_and_inner_names_are_refused_before_it(names: dict[str, list[str]]) -> None:
    names["gateway.example.com"] = ["93.184.216.34"]
    names["inner.example.com"] = ["10.0.0.7"]
    with listening(says(answer(b"by proxy"))) as proxy:
        http = Http(ignore, proxy=proxy.url)
        assert http.get("http://gateway.example.com/send").text == "by proxy"
        assert proxy.requests[0].startswith(b"GET http://gateway.example.com/send HTTP/1.1")
        with pytest.raises(AccountBlocked):
            http.get("http://inner.example.com/send")
        assert len(proxy.requests) == 1
        http.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://127.1:{port}/",
        "http://2130706433:{port}/",
        "http://0x7f000001:{port}/",
        "http://0.0.0.0:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://[::1]:{port}/",
    ],
)
def test_a_loopback_in_any_disguise_is_refused(url: str, exchanges: list[Exchange]) -> None:
    http = Http(exchanges.append)
    with listening(says(answer(b"inner"))) as gate:
        with pytest.raises((AccountBlocked, Unreachable)) as raised:
            http.get(url.format(port=gate.port))

        assert gate.connections == 0
    assert type(raised.value) is AccountBlocked
    assert exchanges[0].status == 0
    http.close()


def test_a_name_that_changes_its_mind_is_refused(names: dict[str, list[str]]) -> None:
    with listening(says(answer(b"inner"))) as gate:
        names["rebinding.example.com"] = ["93.184.216.34", "127.0.0.1"]
        checked = Guard()
        assert checked.resolve("rebinding.example.com", gate.port)[0][4][0] == "93.184.216.34"
        http = Http(ignore)

        with pytest.raises(AccountBlocked) as raised:
            http.get(f"http://rebinding.example.com:{gate.port}/")

        assert gate.connections == 0
        assert raised.value.hint
        http.close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1",
        "fec0::1", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
        "fe80::1%lo",
    ],
)  # fmt: skip
def test_an_inner_address_is_not_allowed(address: str) -> None:
    assert Guard().allows(address) is False


@pytest.mark.parametrize(
    "address",
    [
        # A cloud's own, at addresses that look public or that older Pythons take for public.
        "192.0.0.192", "::ffff:192.0.0.192", "168.63.129.16", "64:ff9b::a83f:8110", "100.100.100.200", "161.26.0.10",
        "166.9.1.2", "fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe",
        # The rest of IANA's registries of special addresses.
        "192.0.0.9", "192.0.0.10", "192.0.0.170", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.175.48.1",
        "198.51.100.1", "203.0.113.1", "64:ff9b:1::1", "100::1", "100:0:0:1::1", "2001:1::1", "2001:2::1", "2001:3::1",
        "2001:4:112::1", "2001:10::1", "2001:20::1", "2001:30::1", "2620:4f:8000::1", "3fff::1", "5f00::1", "4000::1",
    ],
)  # fmt: skip
def test_a_special_address_is_not_allowed(address: str) -> None:
    assert Guard().allows(address) is False


@pytest.mark.parametrize(
    "port", [22, 23, 25, 53, 110, 143, 389, 445, 587, 1433, 2375, 3306, 3389, 5432, 6379, 9200, 11211, 27017]
)
def test_a_port_of_another_service_is_refused_before_anything_is_sent(names: dict[str, list[str]], port: int) -> None:
    names["gateway.example.com"] = ["93.184.216.34"]
    exchanges: list[Exchange] = []
    http = Http(exchanges.append, connect_timeout=0.5)
    for attempt in (
        lambda: http.get(f"http://gateway.example.com:{port}/send"),
        lambda: http.dial("gateway.example.com", port, 0.5, tls=False),
    ):
        with pytest.raises(AccountBlocked) as raised:
            attempt()
        assert raised.value.hint.startswith("SMS services don’t use this port.")
    http.close()


@pytest.mark.parametrize("port", [80, 443, 1401, 2775, 3550, 5016, 8080, 8443, 8775, 9000, 13013, 16000])
def test_a_port_of_sms_services_is_free(names: dict[str, list[str]], port: int) -> None:
    names["gateway.example.com"] = ["93.184.216.34"]
    assert Guard().resolve("gateway.example.com", port)[0][4] == ("93.184.216.34", port)


def test_a_port_in_an_opened_network_is_the_operators_business(names: dict[str, list[str]]) -> None:
    names["gateway.example.com"] = ["10.1.2.3"]
    assert Guard(["10.0.0.0/8"]).resolve("gateway.example.com", 25)[0][4] == ("10.1.2.3", 25)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert Guard().allows(address) is True


def test_an_opened_network_is_allowed_and_no_other() -> None:
    opened = Guard(["10.0.0.0/8", "fd00::/8"])

    assert [opened.allows(one) for one in ("10.1.2.3", "::ffff:10.1.2.3", "fd00::1", "192.168.1.1", "fc00::1")] == [
        True,
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("https://gw.example.com", {"headers": {"X-A": "b\r\nHost: evil"}}),
        ("https://gw.example.com", {"headers": {"X-A": "шлюз"}}),
        ("https://gw.example.com", {"body": "\ud800"}),
        ("https://gw.example.com", {"form": {"a": "\ud800"}}),
        ("https://gw.example.com", {"json": float("nan")}),
        ("https://", {}),
        ("mailto:a@gw.example.com", {}),
    ],
)
def test_what_makes_no_request_is_rejected_before_the_wire(
    http: Http, exchanges: list[Exchange], url: str, options: Any
) -> None:
    with pytest.raises(Rejected) as raised:
        http.post(url, **options)

    assert raised.value.reason == "invalid_request"
    assert raised.value.__context__ is None
    assert exchanges == []


def test_nothing_is_logged_of_an_address(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with listening(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nbroken header\r\n\r\nok")) as gate:
        http.get(f"{gate.url}/send?key={quote(SECRET)}")

    assert caplog.text == ""
