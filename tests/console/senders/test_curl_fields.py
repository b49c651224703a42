"""Curl commands made into the fields of a custom gateway."""

import json

import pytest

from b24app.console.senders.gateway_form.curl_fields import fill_fields
from b24app.console.senders.gateway_form.shell_words import BadCommand
from providers.http import OwnGateway
from providers.kit.contract import Sms

SMS = Sms(to="+12025550147", text="Grüße & 50%", reference="ab" * 16, sender="ACME", report_url="https://x.example/r/")


def preview(command: str) -> str:
    """Return the request that the gateway would make of what was read."""
    values = {one.name: one.default for one in OwnGateway.fields} | fill_fields(command).values
    for one in OwnGateway.fields:
        one.clean(values[one.name])
    return OwnGateway.preview(values, SMS)


def test_a_json_command_becomes_a_template_with_its_key_in_the_secret_field() -> None:
    filled = fill_fields(
        """curl --location 'https://api.gateway.example/v1/messages' \\
        --header 'Content-Type: application/json' \\
        --header 'X-Api-Key: k3y-0f-the-shop' \\
        --data '{"to": "+44 7700 900123", "text": "Hello \\"you\\"", "from": "Shop", "flash": false, "parts": [1, 2],
                 "callback_url": "https://shop.example/dlr", "client_ref": "42"}'"""
    )
    body = json.loads(filled.values.pop("body"))
    assert filled.values == {
        "method": "POST",
        "url": "https://api.gateway.example/v1/messages",
        "login": "template",
        "headers": "X-Api-Key: {password}",
        "content": "json",
        "username": "",
        "password": "k3y-0f-the-shop",
    }
    assert body == {
        "to": "{to}",
        "text": "{text}",
        "from": "{sender}",
        "flash": False,
        "parts": [1, 2],
        "callback_url": "{report_url}",
        "client_ref": "{reference}",
    }
    assert filled.notes == []


def test_numbers_without_quotes_and_lists_are_recipients_too() -> None:
    filled = fill_fields(
        """curl x.example --json '{"recipients": [{"msisdn": 447700900123}], "to": ["447700900123"], "id": 7}'"""
    )
    assert '"msisdn": {to_digits}' in filled.values["body"]
    assert '"{to_digits}"' in filled.values["body"]
    request = preview("""curl x.example --json '{"recipients": [{"msisdn": 447700900123}], "text": "a"}'""")
    assert json.loads(request.split("\n\n", 1)[1]) == {"recipients": [{"msisdn": 12025550147}], "text": SMS.text}


def test_a_form_command_becomes_a_form() -> None:
    filled = fill_fields(
        "curl 'https://sms.example/send' -d 'login=shop&psw=pa%26ss+w' "
        "--data-urlencode 'phones=+44 7700 900123' --data-urlencode 'mes=50% & more' -d 'text=Hi&charset=utf-8'"
    )
    assert filled.values["content"] == "form"
    assert filled.values["body"].split("\n") == [
        "login={username}",
        "psw={password}",
        "phones={to}",
        "mes=50%25 %26 more",
        "text={text}",
        "charset=utf-8",
    ]
    assert (filled.values["username"], filled.values["password"]) == ("shop", "pa&ss w")
    assert preview("curl -d 'phone=12345678&text=a&x=50%25+%26' https://sms.example").endswith(
        "phone=12025550147&text=Gr%C3%BC%C3%9Fe+%26+50%25&x=50%25+%26"
    )


def test_a_get_command_becomes_an_address_with_placeholders() -> None:
    filled = fill_fields(
        "curl 'https://sms.example/send?api_key=A1b2C3&to=447700900123&msg=Hello%20you&from=Shop&type=0'"
    )
    assert filled.values["method"] == "GET"
    assert filled.values["url"] == (
        "https://sms.example/send?api_key={password}&to={to_digits}&msg={text}&from={sender}&type=0"
    )
    assert filled.values["password"] == "A1b2C3"
    assert filled.values["body"] == ""


@pytest.mark.parametrize(
    ("options", "login", "username", "password", "headers"),
    [
        ("-u shop:s3cret", "basic", "shop", "s3cret", ""),
        ("-u shop", "basic", "shop", "", ""),
        ("-H 'Authorization: Basic c2hvcDpzM2NyZXQ='", "basic", "shop", "s3cret", ""),
        ("-H 'authorization: Bearer t0k3n'", "bearer", "", "t0k3n", ""),
        ("--oauth2-bearer t0k3n", "bearer", "", "t0k3n", ""),
        ("-H 'Authorization: App t0k3n9'", "template", "", "t0k3n9", "Authorization: App {password}"),
        ("-H 'Authorization: t0k3n9'", "template", "", "t0k3n9", "Authorization: {password}"),
        (
            "-H 'api-key: one1' -H 'api-secret: two2'",
            "template",
            "two2",
            "one1",
            "api-key: {password}\napi-secret: {username}",
        ),
        ("-H 'Authorization: Basic !!!'", "template", "", "!!!", "Authorization: Basic {password}"),
        ("-H 'Authorization: Bearer $TOKEN'", "bearer", "", "", ""),
        ("-u user:YOUR_PASSWORD", "basic", "user", "", ""),
    ],
)
def test_ways_to_sign_in_are_recognised(options: str, login: str, username: str, password: str, headers: str) -> None:
    values = fill_fields(f"curl {options} -d 'to=+447700900123&text=a' https://sms.example").values
    assert (values["login"], values["username"], values["password"], values["headers"]) == (
        login, username, password, headers,
    )  # fmt: skip


def test_the_user_of_an_address_moves_to_its_fields() -> None:
    values = fill_fields("curl https://sh%40p:p%3Ass@sms.example:8443/send?to=447700900123").values
    assert values["url"] == "https://sms.example:8443/send?to={to_digits}"
    assert (values["login"], values["username"], values["password"]) == ("basic", "sh@p", "p:ss")


def test_headers_of_a_browser_and_of_the_connection_are_left_out() -> None:
    values = fill_fields(
        "curl 'https://sms.example/send' -H 'Host: sms.example' -H 'sec-ch-ua: \"x\"' -H 'User-Agent: Mozilla/5.0' "
        "-H 'Cookie: session=abc' -H 'Accept-Language: de' -H 'Accept: application/json' -H 'Empty:' "
        "-H 'Content-Type: application/x-www-form-urlencoded' --data-raw 'to=%2B447700900123&text=a'"
    ).values
    assert values["headers"] == "Accept: application/json"
    assert values["body"] == "to={to}\ntext={text}"


def test_xml_has_its_leaves_replaced() -> None:
    values = fill_fields(
        "curl https://sms.example -H 'Content-Type: text/xml' -d '<sms><key>K3Y9</key><to a=\"1\">447700900123</to>"
        "<s:text>Hi</s:text><n>1</n></sms>'"
    ).values
    assert values["content"] == "xml"
    assert values["body"] == (
        '<sms><key>{password}</key><to a="1">{to_digits}</to><s:text>{text}</s:text><n>1</n></sms>'
    )
    assert values["headers"] == "Content-Type: text/xml"


def test_what_is_missing_is_said() -> None:
    notes = fill_fields("curl https://sms.example -H 'X-Api-Key: <your key>' -d 'a=1'").notes
    assert len(notes) == 3
    assert "{to_digits}" in notes[0]
    assert "{text}" in notes[1]
    assert "example instead of a key" in notes[2]


@pytest.mark.parametrize(
    "command",
    [
        """curl x.example --json '{"to": "+447700900123", "text": "\\ud800", "x": "\\u0000"}'""",
        "curl x.example --json '" + "[" * 900 + "]" * 900 + "'",
        "curl x.example -d '" + "a=" * 5000 + "'",
        "curl x.example -d '<a>" + "<" * 5000 + "'",
        "curl x.example -d '" + "<a " * 5000 + "'",
        "curl x.example -H $'X: a\\nHost: evil.example'",
        "curl 'https://x.example/?" + "&".join(f"p{n}={n}" for n in range(900)) + "'",
        'curl x.example --json \'{"to": ' + "9" * 5000 + "}'",
        "curl 'https://x.example/{to}/{nonsense}' -d '{text}'",
        "curl javascript:alert(1)",
        "curl 'javascript:alert(1)'",
        "curl 'file:///etc/passwd'",
        "curl http://169.254.169.254/latest/",
        "curl '" + "😀" * 100 + "'",
        "curl -d '\ud83d' x.example",
        "curl https://x.example:99999999/",
    ],
)
def test_hostile_commands_are_read_or_refused_and_never_break_anything(command: str) -> None:
    try:
        filled = fill_fields(command)
    except BadCommand:
        return
    assert all(value.encode() is not None for value in filled.values.values())
    assert set(filled.values) <= {one.name for one in OwnGateway.fields}
