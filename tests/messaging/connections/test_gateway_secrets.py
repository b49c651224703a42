"""An account of the generic gateway is secret as a whole: nothing that was written out in it is kept or shown."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from urllib.parse import unquote_to_bytes

import pytest
from django.apps import apps
from django.db import connection as database

from b24app.messaging.models import Message, Sender
from tests import factories
from tests.faults.leaks import Kind, Search, Sentinel
from tests.messaging.steps import accept_message, drain
from tests.providers.kit.loopback import Listener, Script, answer, listening

pytestmark = pytest.mark.django_db

TEXT = "Zebra crossing at nine, bring the yellow umbrella and both of the keys"
CUT = TEXT[:31]

# Where the key stands -> the account, with {key} in its place.
POSITIONS: dict[str, tuple[str, dict[str, str]]] = {
    "path": ("Qx7Kp2Lm9Wz4", {"url": "{base}/bot/{key}/send"}),
    "path beside a placeholder": ("Qx7Kp2Lm9Wz4", {"url": "{base}/{key}-{to_digits}"}),
    "path of words": ("correct-horse-battery", {"url": "{base}/bot/{key}/send"}),
    "query": ("Qx7Kp2Lm9Wz4", {"url": "{base}/?apikey={key}"}),
    "query, short": ("q7Z", {"url": "{base}/?apikey={key}"}),
    "form": ("Qx7Kp2Lm9Wz4", {"body": "to={to}\ntext={text}\nauth={key}"}),
    "form, beside a placeholder": ("Qx7Kp2Lm9Wz4", {"body": "auth={key}:{to}\ntext={text}"}),
    "form, as a name": ("Qx7Kp2Lm9Wz4", {"body": "to={to}\ntext={text}\n{key}=1"}),
    "form, short": ("q7Z", {"body": "to={to}\ntext={text}\npin={key}"}),
    "form, odd characters": ("k9/+q=7~é&x", {"body": "to={to}\ntext={text}\nauth=k9%2F%2Bq%3D7~%C3%A9%26x"}),
    "JSON value": ("Qx7Kp2Lm9Wz4", {"content": "json", "body": '{"to": "{to}", "text": "{text}", "k": "{key}"}'}),
    "JSON number": ("8317264950", {"content": "json", "body": '{"to": "{to}", "text": "{text}", "k": {key}}'}),
    "JSON name": ("Qx7Kp2Lm9Wz4", {"content": "json", "body": '{"{key}": {"to": "{to}", "text": "{text}"}}'}),
    "JSON, short": ("q7Z", {"content": "json", "body": '{"to": "{to}", "text": "{text}", "k": "{key}"}'}),
    "XML element": ("Qx7Kp2Lm9Wz4", {"content": "xml", "body": "<m><k>{key}</k><t>{text}</t></m>"}),
    "XML attribute": ("Qx7Kp2Lm9Wz4", {"content": "xml", "body": '<m key="{key}" to="{to}">{text}</m>'}),
    "text": ("Qx7Kp2Lm9Wz4", {"content": "text", "body": "LOGIN {key} SEND {to} {text}"}),
    "text, words": ("correct-horse-battery", {"content": "text", "body": "{key};{to};{text}"}),
    "header": ("Qx7Kp2Lm9Wz4", {"headers": "X-Key: {key}"}),
    "header that is kept": ("Qx7Kp2Lm9Wz4", {"headers": "X-Request-Id: {key}\nAccept: text/{key}"}),
    "header, a part": ("Qx7Kp2Lm9Wz4", {"headers": "Authorization: Digest user=ann,k={key}"}),
    "header name": ("Qx7Kp2Lm9Wz4", {"headers": "X-{key}: {to}"}),
    "password": ("pässwörd é", {"password": "{key}", "body": "to={to}\ntext={text}\np={password}"}),
    "password, short": ("p7é", {"password": "{key}", "body": "to={to}\ntext={text}\np={password}"}),
    "Basic": ("Qx7Kp2Lm9Wz4", {"login": "basic", "username": "ann", "password": "{key}"}),
    "user name": ("annika.sundberg", {"login": "basic", "username": "{key}", "password": "hush-hush"}),
}
every_position = pytest.mark.parametrize("position", POSITIONS)


def echoes(gate: list[Listener], encoding: str, status: str) -> Script:
    """Repeat the whole request, as it came and decoded, in the gateway's own encoding; cut the text in a header."""

    def script(wire: object) -> None:
        raw = gate[0].requests[-1]
        told = raw + b"\n" + unquote_to_bytes(raw.replace(b"+", b" "))
        body = told.decode("utf-8", "replace").encode(encoding, "replace")
        wire.sendall(answer(body, status, f"X-Request-Id: {CUT}\r\nServer: {CUT}\r\n"))  # type: ignore[attr-defined]

    return script


@contextmanager
def gateway(encoding: str, status: str = "400 Bad Request") -> Iterator[Listener]:
    gate: list[Listener] = []
    with listening(echoes(gate, encoding, status)) as listener:
        gate.append(listener)
        yield listener


def kept() -> bytes:
    """Everything that stands in the database, but for the texts of messages in their own column."""
    Message.objects.update(text="")
    found = []
    with database.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            cursor.execute(f'SELECT t::text FROM "{model._meta.db_table}" t')  # noqa: S608 - our own tables
            found += [str(row[0]) for row in cursor.fetchall()]
    return "\n".join(found).encode()


def pages(message: Message) -> bytes:
    """Return what Alice and Bob read, but for the form of the account, in which she wrote it."""
    key, found = message.portal.uuid.hex, b""
    for user, is_admin in ((factories.ALICE, True), (factories.BOB, False)):
        person = factories.visitor(message.portal, user, is_admin=is_admin)
        for path in ("", "journal/", f"journal/{message.reference}/", "senders/", "reports/", "help/"):
            found += person.get(f"/p/{key}/{path}").content
    return found


def told_of(sender: Sender, position: str, base: str) -> tuple[str, Message]:
    """Send one message by a gateway with the key in a position; answers the key."""
    key, given = POSITIONS[position]
    connection = sender.connection
    connection.service = "http"
    usual = {"url": "{base}/", "content": "form", "body": "to={to}\ntext={text}", "success_text": "surely not in there"}
    connection.account = {
        name: value.replace("{base}", base).replace("{key}", key) for name, value in (usual | given).items()
    }
    connection.save()
    message = accept_message(sender, message_body=TEXT, auth={"user_id": str(factories.BOB)})
    drain(connection.pk)
    message.refresh_from_db()
    return key, message


def assert_nothing_leaks(key: str, message: Message, logged: str) -> None:
    sentinels = [Sentinel(Kind.CREDENTIAL, "key", key), Sentinel(Kind.TEXT, "text", CUT)]
    # What is short has no form but itself: in the base64 of a picture's name it would be found by chance.
    forms = Search(sentinels if len(key) > 6 else sentinels[1:])
    shown = pages(message)  # before the texts go: pages show a text to its own people
    for place, raw in (("rows", kept()), ("pages", shown), ("logs", logged.encode())):
        assert forms.names(raw, but=[Kind.TEXT] if place == "pages" else []) == [], place
        assert not re.search(rf"(?<![^\W_]){re.escape(key)}(?![^\W_])".encode(), raw), place


@pytest.mark.parametrize(
    ("position", "encoding"),
    [
        *((one, "utf-8") for one in POSITIONS),
        *product(("password", "password, short", "path", "text"), ("latin-1", "cp1251")),
    ],
)
def test_what_is_written_out_in_a_gateway_is_not_kept_when_it_is_echoed(
    sender: Sender, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], position: str, encoding: str
) -> None:
    with gateway(encoding) as gate:
        key, message = told_of(sender, position, gate.url)
        assert gate.connections == 1

    assert (message.status, message.detail != "") == ("failed", True)
    assert_nothing_leaks(key, message, caplog.text + "".join(capfd.readouterr()))


@pytest.mark.parametrize(
    ("position", "status"),
    [*((one, "500 Oh") for one in POSITIONS), *product(("path", "text", "form"), ("200 OK", "401 Unauthorized"))],
)
def test_it_is_not_kept_either_where_it_is_taken_for_another_trouble(
    sender: Sender, caplog: pytest.LogCaptureFixture, position: str, status: str
) -> None:
    with gateway("utf-8", status) as gate:
        key, message = told_of(sender, position, gate.url)

    assert message.phase != "wire"
    assert_nothing_leaks(key, message, caplog.text)


@every_position
def test_it_is_not_kept_where_nobody_answers(sender: Sender, caplog: pytest.LogCaptureFixture, position: str) -> None:
    with gateway("utf-8") as gate:
        pass
    key, message = told_of(sender, position, gate.url)

    assert f"POST 127.0.0.1:{gate.port}: the connection was refused" in kept().decode()
    assert_nothing_leaks(key, message, caplog.text)


def test_what_is_left_is_enough_to_mend_the_template(sender: Sender) -> None:
    with listening(
        lambda wire: wire.sendall(answer(b"ERR 12: parameter sender is missing", "400 Bad Request"))
    ) as gate:
        POSITIONS["all"] = (
            "Qx7Kp2Lm9Wz4",
            {
                "url": "{base}/api/v2/{key}/send?to={to_digits}&key={key}",
                "headers": "X-Api-Key: {key}\nX-Ref: {reference}",
                "content": "json",
                "body": '{"text": "{text}", "token": "{key}", "segment": {"pin": 1234}}',
            },
        )
        _key, message = told_of(sender, "all", gate.url)
        del POSITIONS["all"]

    assert message.detail == "ERR 12: parameter sender is missing"
    [exchange] = apps.get_model("journal", "Exchange").objects.all()
    assert (exchange.method, exchange.host, exchange.path, exchange.status) == (
        "POST",
        f"127.0.0.1:{gate.port}",
        "",
        400,
    )
    assert exchange.request.split("\n") == [
        "POST /…/…/…/…?to={to_digits}&key=…",
        "X-Api-Key: …",
        "X-Ref: {reference}",
        "Content-Type: application/json",
        "",
        '{"text": "{text}", "token": "…", "…": {"pin": …}}',
    ]
    assert exchange.response.endswith("ERR 12: parameter sender is missing")
