"""Settings come from the environment, `.env` or a file of each secret; what cannot be read is named."""

from pathlib import Path

import pytest

from b24app.core.configuration.environment import Environment

VARIABLES = {
    "SECRET_KEY": "a",
    "SECRETS_KEYS": "b",
    "ADDRESS_KEYS": "c",
    "PUBLIC_URL": "https://sendline.example.com",
    "B24_CLIENT_ID": "d",
    "B24_CLIENT_SECRET": "e",
    "DATABASE_URL": "postgresql://f@g/h",
    "REDIS_URL": "redis://i",
}
UNREADABLE: dict[str, tuple[dict[str, str], str]] = {
    "both": ({"SECRET_KEY_FILE": "/dev/null"}, "SECRET_KEY and SECRET_KEY_FILE are both set. Keep one of them."),
    "no file": (
        {"SECRET_KEY": "", "SECRET_KEY_FILE": "/nonexistent"},
        (
            "SECRET_KEY_FILE, /nonexistent, cannot be read (No such file or directory). "
            "It has to be a file that this process may read."
        ),
    ),
    "no number": ({"SPOOL_MAX_MB": "much"}, "SPOOL_MAX_MB cannot be read (much). It has to be a whole number."),
    "no flag": ({"DEBUG": "maybe"}, "DEBUG cannot be read (maybe). It has to be a word, True or False."),
    "no level": (
        {"LOG_LEVEL": "loud"},
        "LOG_LEVEL cannot be read (loud). It has to be one of DEBUG, INFO, WARNING, ERROR, CRITICAL.",
    ),
    "no pairs": (
        {"DATABASE_TIMEOUTS": "10s"},
        "DATABASE_TIMEOUTS cannot be read (10s). It has to be a list of name=value with commas.",
    ),
    "another database": (
        {"DATABASE_URL": "mysql://f@g/h"},
        "DATABASE_URL is not an address of PostgreSQL. Write postgresql://user@host/database.",
    ),
}


def test_what_is_missing_is_named_by_every_command() -> None:
    read = Environment({name: value for name, value in VARIABLES.items() if name not in {"SECRET_KEY", "DATABASE_URL"}})
    read.database()
    assert read.problems == [
        "SECRET_KEY is not set. It has no default; .env.example describes it.",
        "DATABASE_URL is not set. It has no default; .env.example describes it.",
    ]


def test_commands_run_with_the_form_as_it_is() -> None:
    blank = dict.fromkeys(("SECRET_KEY", "SECRETS_KEYS", "ADDRESS_KEYS", "B24_CLIENT_ID", "B24_CLIENT_SECRET"), "")
    read = Environment(VARIABLES | blank)
    assert (read("SECRETS_KEYS"), read.problems) == ([], [])


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_value_that_cannot_be_read_is_named_by_every_command(name: str) -> None:
    changed, sentence = UNREADABLE[name]
    read = Environment(VARIABLES | changed)
    read.database()
    assert read.problems == [sentence]
    with pytest.raises(SystemExit, match="78"):
        read.refuse_if_unusable()


def test_a_secret_is_read_from_a_file_without_the_newline_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("one,two\n")
    (tmp_path / "url").write_text("postgresql://f:p%40ss@g/h\n")
    named = {"ADDRESS_KEYS": "", "ADDRESS_KEYS_FILE": f"{tmp_path}/keys"}
    named |= {"DATABASE_URL": "", "DATABASE_URL_FILE": f"{tmp_path}/url"}
    read = Environment(VARIABLES | named)
    assert read("ADDRESS_KEYS") == ["one", "two"]
    assert (read.database()["PASSWORD"], read.problems) == ("p@ss", [])


def test_a_secret_may_begin_with_a_dollar_sign_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("$HOME")
    read = Environment(VARIABLES | {"HOME": "/root", "SECRET_KEY": "", "SECRET_KEY_FILE": f"{tmp_path}/secret"})
    assert read("SECRET_KEY") == "$HOME"


def test_a_platform_may_name_its_own_variable() -> None:
    read = Environment(VARIABLES | {"REDIS_URL": "$THEIRS", "THEIRS": "redis://their"})
    assert read("REDIS_URL") == "redis://their"


def test_a_file_is_read_for_secrets_only() -> None:
    read = Environment(VARIABLES | {"PUBLIC_URL_FILE": "/nonexistent"})
    assert (read("PUBLIC_URL"), read.problems) == ("https://sendline.example.com", [])


def test_a_comma_too_many_makes_no_second_key() -> None:
    assert Environment(VARIABLES | {"ADDRESS_KEYS": "k1, "})("ADDRESS_KEYS") == ["k1"]


def test_what_is_blank_has_its_default_but_for_a_list_which_is_empty() -> None:
    read = Environment(VARIABLES | {"SPOOL_MAX_MB": "", "DEBUG": "", "LOG_LEVEL": "", "B24_OAUTH_HOSTS": ""})
    assert [read(name) for name in ("SPOOL_MAX_MB", "DEBUG", "LOG_LEVEL", "B24_OAUTH_HOSTS")] == [
        512,
        False,
        "INFO",
        [],
    ]


def test_no_problem_quotes_a_secret() -> None:
    read = Environment(VARIABLES | {"DATABASE_URL": "mysql://f:hunter2@g/h", "EGRESS_PROXY": "hunter2"})
    read.database()
    assert "hunter2" not in "".join(read.problems)
