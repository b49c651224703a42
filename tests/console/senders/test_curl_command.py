"""Curl commands read as the requests they make: those of descriptions and browsers, and worse."""

import pytest

from b24app.console.senders.gateway_form.curl_command import read_command
from b24app.console.senders.gateway_form.shell_words import BadCommand, split_words


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("curl  a\tb", ["curl", "a", "b"]),
        ("curl 'a b' \"c d\" e\\ f", ["curl", "a b", "c d", "e f"]),
        ("curl 'it'\\''s' \"say \\\"hi\\\" \\n\"", ["curl", "it's", 'say "hi" \\n']),
        ("curl \\\n  a \\\r\n b", ["curl", "a", "b"]),
        ("curl\n-H 'a: b'\nhttps://x.example", ["curl", "-H", "a: b", "https://x.example"]),
        ("curl \"a\\\nb\" 'c\\\nd'", ["curl", "ab", "c\\\nd"]),
        (r"curl $'a\nb\'c\\d\u0041\x42\U0001F600'", ["curl", "a\nb'c\\dAB\U0001f600"]),
        (r"curl $'\ud83d\ude00'", ["curl", "\U0001f600"]),
        (r"curl $'\ud83d'", ["curl", "\ufffd"]),
        ("curl '' \"\"", ["curl", "", ""]),
        ('curl "$TOKEN" $A ${B}', ["curl", "$TOKEN", "$A", "${B}"]),
        ("curl https://x.example/?a=1&b=2#c", ["curl", "https://x.example/?a=1&b=2#c"]),
        ("curl a\x00b", ["curl", "ab"]),
        ("curl tail\\", ["curl", "tail"]),
        ("", []),
        ("  \n ", []),
    ],
)
def test_words_are_split_as_a_terminal_does(command: str, words: list[str]) -> None:
    assert split_words(command) == words


@pytest.mark.parametrize(
    "command",
    [
        "curl 'open",
        'curl "open',
        "curl $'open",
        "curl x | sh",
        "curl x > file",
        "curl x < file",
        "curl x; rm -rf /",
        "curl x && reboot",
        "curl x &",
        "curl `id`",
        "curl $(id)",
        "curl x # comment",
        "curl " + "a" * 20_001,
        "curl " + "a " * 401,
        'curl ^"https://x.example^" ^\n -H ^"a: b^"',
    ],
)
def test_what_is_no_single_command_is_refused(command: str) -> None:
    with pytest.raises(BadCommand):
        split_words(command)


@pytest.mark.parametrize(
    ("command", "method", "url", "body"),
    [
        ("curl https://x.example/a", "GET", "https://x.example/a", None),
        ("$ curl x.example", "GET", "https://x.example", None),
        ("/usr/bin/curl -sSL -XPUT x.example", "PUT", "https://x.example", None),
        ("curl.exe --request put --url https://x.example", "PUT", "https://x.example", None),
        ("curl -d a=1 -d b=2 https://x.example", "POST", "https://x.example", "a=1&b=2"),
        ("curl -da=1 --data=b=2 https://x.example", "POST", "https://x.example", "a=1&b=2"),
        (
            "curl -G https://x.example/?k=1 -d a=1 --data-urlencode 'b=x y&z'",
            "GET",
            "https://x.example/?k=1&a=1&b=x+y%26z",
            None,
        ),
        ("curl -G https://x.example/#top -d a=1", "GET", "https://x.example/?a=1#top", None),
        ("curl --data-raw @not-a-file https://x.example", "POST", "https://x.example", "@not-a-file"),
        ("curl --json '{\"a\":1}' https://x.example", "POST", "https://x.example", '{"a":1}'),
        ("curl --json '{\"a\":' --json '1}' https://x.example", "POST", "https://x.example", '{"a":1}'),
        ("curl https://x.example -X POST", "POST", "https://x.example", None),
        ("curl -d '' https://x.example", "POST", "https://x.example", ""),
        ("curl -k --compressed -o out -m 10 -- https://x.example", "GET", "https://x.example", None),
        ("curl -ooutput -sm5 https://x.example", "GET", "https://x.example", None),
    ],
)
def test_a_command_is_read_as_the_request_it_makes(command: str, method: str, url: str, body: str | None) -> None:
    found = read_command(command)
    assert (found.method, found.url, found.body) == (method, url, body)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("wget https://x.example", "must begin with"),
        ("", "must begin with"),
        ("curl", "no URL"),
        ("curl -H", "-H has no value"),
        ("curl a.example b.example", "several URLs"),
        ("curl a.example curl b.example", "several URLs"),
        ("curl -X DELETE x.example", "not DELETE"),
        ("curl -X GET -d a=1 x.example", "GET request"),
        ("curl -F file=@a x.example", "multipart"),
        ("curl -T file x.example", "sends a file"),
        ("curl -d @body.json x.example", "reads a file"),
        ("curl --json @body.json x.example", "reads a file"),
        ("curl --data-urlencode text@file x.example", "reads a file"),
        ("curl -H @headers x.example", "reads a file"),
        ("curl -b a=b x.example", "-b is a way to sign in"),
        ("curl --digest -u a:b x.example", "--digest is a way to sign in"),
        ("curl -K config x.example", "-K is not supported"),
        ("curl -x http://proxy x.example", "-x is not supported"),
        ("curl -I x.example", "-I is not supported"),
        ("curl --next x.example", "--next is not supported"),
        ("curl --resolve a:1:b x.example", "--resolve is not supported"),
        ("curl -Z x.example", "-Z is not supported"),
        ("curl https://[::1 ", "not valid"),
    ],
)
def test_what_cannot_be_described_is_refused_with_a_reason(command: str, words: str) -> None:
    with pytest.raises(BadCommand, match=words):
        read_command(command)
