"""The two documents that are made of the declared settings: docs/configuration.md and .env.example."""

from collections.abc import Iterator
from textwrap import fill, wrap

from b24app.core.configuration.declarations import SECTIONS
from b24app.core.configuration.setting import Setting

WIDTH, PAGE_WIDTH = 120, 158
PAGE = """\
# Configuration

Made by `manage.py document_settings` from `b24app/core/configuration/declarations.py`: edit that.

Settings are read from the environment; a file `.env` beside the code says what the environment does not.
[.env.example](../.env.example) is a form to fill in. `manage.py doctor` says what is wrong with them. A process that
would leak or lose something with them does not start: it ends with a sentence for each, and with exit code 78.

A **secret** may be in a file instead, whose name is in `NAME_FILE`: `SECRET_KEY_FILE=/run/secrets/secret_key`. A
newline at its end is left out. Setting both is an error. How keys are changed is in
[operations/keys.md](operations/keys.md), what a leaked one means in [security.md](security.md).

A value that is `$NAME` is that of the variable `NAME`, as platforms name their stores. What is blank has its default,
but a list that is set and blank is empty.
"""
FORM = """\
# Every setting Sendline reads. Copy to `.env`, or set them in the environment. `make run` needs none of them.
# Made by `manage.py document_settings`. Of each secret, NAME_FILE may name a file that holds it instead.
"""


def render_page() -> str:
    """Return docs/configuration.md."""
    return PAGE + "".join(f"\n## {title}\n\n{''.join(_page_entries(section))}" for title, section in SECTIONS.items())


def render_form() -> str:
    """Return .env.example."""
    return FORM + "".join(f"\n{_rule(title)}\n{''.join(_form_entries(section))}" for title, section in SECTIONS.items())


def _page_entries(section: tuple[Setting, ...]) -> Iterator[str]:
    for setting in section:
        entry = f"- **`{setting.name}`** ({', '.join(_describe(setting))}). {_mark_commands(setting.meaning)}"
        yield fill(entry, PAGE_WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) + "\n"


def _describe(setting: Setting) -> Iterator[str]:
    yield " or ".join(setting.choices) if setting.choices else setting.kind.value
    if setting.default is None:
        yield "required"
    elif setting.default:
        yield f"default `{setting.default}`"
    if setting.is_secret:
        yield f"secret, or `{setting.name}_FILE`"


def _mark_commands(meaning: str) -> str:
    """Return a meaning on one line, with its indented lines, which are commands, as code."""
    return " ".join(f"`{line.strip()}`" if line.startswith("  ") else line for line in meaning.split("\n"))


def _form_entries(section: tuple[Setting, ...]) -> Iterator[str]:
    for setting in section:
        for line in setting.meaning.split("\n"):
            is_command = line.startswith("  ")
            for piece in [line] if is_command else wrap(line, WIDTH - 2):
                yield f"# {piece}\n"
        if setting.choices:
            yield f"# One of {', '.join(setting.choices)}.\n"
        shown = setting.default if setting.example is None else setting.example
        yield f"{setting.name}={shown or ''}\n"


def _rule(title: str) -> str:
    return f"# -- {title.lower().replace('bitrix24', 'Bitrix24')} ".ljust(WIDTH, "-")
