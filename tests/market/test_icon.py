"""The pictures of the card have the market's sizes, and the icon is the application's own mark."""

import re
import struct
from pathlib import Path

import pytest

from tests.pictures.icon import SIZES

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = sorted((ROOT / "docs" / "screenshots").glob("*.png"))
SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB = 2  # a colour type without transparency


def read_head(path: Path) -> tuple[int, int, int]:
    """Return width, height and colour type of a PNG."""
    data = path.read_bytes()
    assert data.startswith(SIGNATURE)
    width, height = struct.unpack(">II", data[16:24])
    return width, height, data[25]


def drawing(path: Path) -> tuple[list[str], list[str]]:
    """Return paths and fills of a picture."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r' d="([^"]+)"', text), re.findall(r'fill="(#[0-9a-f]+)"', text)


def test_the_icons_are_what_the_market_asks_for() -> None:
    assert SIZES
    assert all(250 <= size <= 650 for size in SIZES)
    for size in SIZES:
        path = ROOT / "docs" / "market" / f"icon-{size}.png"
        assert read_head(path) == (size, size, RGB)
        assert b"tRNS" not in path.read_bytes()


def test_the_icon_is_the_mark_of_the_application_on_a_full_square() -> None:
    icon = ROOT / "docs" / "market" / "icon.svg"
    assert drawing(icon) == drawing(ROOT / "static" / "console" / "mark.svg")
    assert '<rect width="32" height="32" fill="#0069e6"/>' in icon.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SCREENSHOTS, ids=lambda path: path.stem)
def test_screenshots_have_the_markets_size(path: Path) -> None:
    width, height, _ = read_head(path)
    assert (width, height) == (1280, 720)
