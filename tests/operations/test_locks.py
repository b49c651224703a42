"""What production installs is locked with hashes, the extras too."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([a-z0-9-]+==\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(PIN.findall((ROOT / name).read_text()))


def test_the_extras_are_locked_on_top_of_what_is_installed_without_them() -> None:
    """`make lock` keeps both in step."""
    base, extras = pins("requirements.txt"), pins("requirements-extras.txt")
    assert base.items() <= extras.items()
    assert {one.partition("==")[0] for one in extras.keys() - base.keys()} >= {"apprise", "botocore"}
