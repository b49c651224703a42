"""Every document that the code cites is in the repository, and has the section, trap or decision that is cited."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

OF_THE_EXAMPLE = frozenset({"docs/services/pigeon.md"})  # the service that providers/README.md writes step by step
URL = re.compile(r"\b[a-z]+://\S+", re.IGNORECASE)
# A section is a letter with or without a number (A, A.5, J7), a number (3, 1.4), or an anchor. Several may follow.
SECTION = r"(?:[A-Z](?:\.?[0-9]+)?|[0-9]+(?:\.[0-9]+)*)(?![\w.]*\w)"
SEPARATOR = r"(?:,? (?:and|to) |, )"
CITATION = re.compile(
    rf"(?<![\w./-])(?P<path>[\w.-][\w./-]*\.md)(?![\w/-])"
    rf"(?:(?P<anchor>#[\w-]+)|(?:[`)]*,? sections? |`? )(?P<sections>{SECTION}(?:{SEPARATOR}{SECTION})*))?"
)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
NUMBERED = re.compile(rf"^(?:#+ ({SECTION})\.? |- \*\*({SECTION})\*\* )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Citation:
    """A document that a text names; `sections` are letters, numbers and anchors in it."""

    line: int
    path: str
    sections: tuple[str, ...]


def citations(text: str) -> Iterator[Citation]:
    """Find the documents that a text cites; addresses in the web are none."""
    without_urls = URL.sub(lambda found: " " * len(found[0]), text)
    for found in CITATION.finditer(without_urls):
        cited = [found["anchor"]] if found["anchor"] else re.findall(SECTION, found["sections"] or "")
        yield Citation(text.count("\n", 0, found.start()) + 1, found["path"], tuple(cited))


@cache
def sections(document: Path) -> frozenset[str]:
    """Return what can be cited of a document: numbers of headings, bold numbers of list items, anchors of headings."""
    text = document.read_text(encoding="utf-8")
    numbers = {number for pair in NUMBERED.findall(text) for number in pair if number}
    return frozenset(numbers | {f"#{_anchor(heading)}" for heading in HEADING.findall(text)})


def _anchor(heading: str) -> str:
    """Return a heading's anchor as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def broken(root: Path, citing: Path, text: str) -> list[str]:
    """Return `file:line: what is wrong` for each citation in the text of the file `citing` that leads nowhere."""
    found = []
    for citation in citations(text):
        if citation.path in OF_THE_EXAMPLE:
            continue
        places = [folder / citation.path for folder in (citing.parent, root, root / "docs")]
        document = next((place for place in places if place.is_file()), None)
        where = f"{citing.relative_to(root)}:{citation.line}: {citation.path}"
        if document is None:
            found.append(f"{where} is not in the repository")
        else:
            found += [f"{where} has no {one}" for one in citation.sections if one not in sections(document)]
    return found


def tracked_texts() -> Mapping[Path, str]:
    """Return every text file that git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    texts = {}
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file() and not path.is_symlink():
            try:
                texts[path] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue  # a picture
    return texts


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only git knows which files belong to the repository")
def test_every_citation_leads_somewhere() -> None:
    found = [one for path, text in tracked_texts().items() for one in broken(ROOT, path, text)]

    assert not found, "\n".join(["", *found])


DOCUMENT = "# A page\n\n## A. First\n\n### A.5 Who is calling?\n\n## 3. Third\n\n- **J7** A trap. See J8.\n\n| K3 |\n"
PAGE = "page" + ".md"  # in two pieces, for this file is looked through as well


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / PAGE).write_text(DOCUMENT)
    (tmp_path / "room").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        f"As docs/{PAGE} says.",
        f"({PAGE} A, A.5 and J7)",
        f"See `docs/{PAGE}`, section 3.",
        f"See [the page](../docs/{PAGE}), sections A and 3.",
        f"[who](docs/{PAGE}#a5-who-is-calling)",
        f"[who](../docs/{PAGE}) 9 things",
        f"docs/{PAGE} J7. And more.",
        f"https://example.com/absent/{PAGE} J9",
        f"/static/../other-{PAGE}",
        "hashlib" + ".md5",
    ],
)
def test_a_good_citation_is_found_good(repository: Path, text: str) -> None:
    assert broken(repository, repository / "room" / "code.py", text) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (f"docs/absent-{PAGE} A", f"room/code.py:2: docs/absent-{PAGE} is not in the repository"),
        (f"docs/{PAGE} J8", f"room/code.py:2: docs/{PAGE} has no J8"),
        (f"docs/{PAGE} K3", f"room/code.py:2: docs/{PAGE} has no K3"),
        (f"docs/{PAGE} A to A.4", f"room/code.py:2: docs/{PAGE} has no A.4"),
        (f"{PAGE} section 4", f"room/code.py:2: {PAGE} has no 4"),
        (f"[page](docs/{PAGE}), section 4", f"room/code.py:2: docs/{PAGE} has no 4"),
        (f"docs/{PAGE}#nowhere", f"room/code.py:2: docs/{PAGE} has no #nowhere"),
    ],
)
def test_a_citation_that_leads_nowhere_is_named_by_file_and_line(repository: Path, text: str, wrong: str) -> None:
    assert broken(repository, repository / "room" / "code.py", f"first line\n{text}\n") == [wrong]
