"""Tables that people keep in a spreadsheet: numbers read from CSV, and rows written so that none is a formula."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

from babel.languages import get_official_languages
from django.utils.translation import get_language, gettext

from providers.kit.phones import BadNumber, read_e164

MOST_BYTES = 5 * 1024 * 1024
MOST_LINES = 50_000  # which are read in two seconds, or in five where somebody wants them to take long
BOM = "\ufeff"
PIECE = 32_768
LONGEST_LINE_SHOWN = 60
LONGEST_NUMBER = 40  # characters, with all that people write into one
# What a spreadsheet takes for the beginning of a formula, and what may end a cell before it: half of the world's
# spreadsheets separate with a semicolon, and ask nobody. Full-width signs are folded to the others by some.
_FORMULA, _ENDS = "=+\\-@\t\r＝＋－＠", ';,\t\r\n"'
_BEGINNING = re.compile(f"(?:^(?=[{_FORMULA}\n])|(?<=[{_ENDS}])(?=[{_FORMULA}]))")
_MARKED = re.compile(f"(?<=[{_ENDS}])'(?=[{_FORMULA}])")
# A number can do no harm as one, and other systems want it as it is.
_NUMBER = re.compile(r"\+[0-9]{1,15}")
# Beside what the console calls them in the reader's language.
_NUMBER_COLUMNS = frozenset({"number", "phone", "phone number", "to", "номер", "телефон", "номер телефона"})
_NOTE_COLUMNS = frozenset({"note", "comment", "заметка", "примечание", "комментарий"})
# What spreadsheets on Windows write where they do not write Unicode, by language.
_BEFORE_UNICODE = {
    **dict.fromkeys(("ru", "uk", "kk"), "cp1251"),
    "pl": "cp1250",
    "tr": "cp1254",
    "ar": "cp1256",
    "vi": "cp1258",
    "th": "cp874",
    "ja": "cp932",
    **dict.fromkeys(("zh", "zh-hans"), "gb18030"),
    "zh-hant": "cp950",
}
_WESTERN = "cp1252"


class BadFile(ValueError):
    """It cannot be read at all; the message says why, for people."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was not understood; `line` counts from 1, as editors do."""

    line: int
    text: str
    why: str


@dataclass(slots=True)
class Understood:
    """What a file says: number (E.164) -> note, in the order of the file. Every line is in one of the four."""

    numbers: dict[str, str] = field(default_factory=dict)
    bad: list[BadLine] = field(default_factory=list)
    twice: int = 0  # lines with a number that the file has already
    empty: int = 0
    header: bool = False

    @property
    def lines(self) -> int:
        return len(self.numbers) + len(self.bad) + self.twice + self.empty + self.header


def cell(value: object) -> str:
    """A value as a cell of a CSV file that no spreadsheet computes, whatever it takes for the end of a cell."""
    text = str(value)
    return text if _NUMBER.fullmatch(text) else _BEGINNING.sub("'", text)


def written(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """CSV as spreadsheets open it: a mark of UTF-8, then lines that end with CR and LF.

    In pieces of about PIECE characters, for each is a call of its own to the network.
    """
    buffer = io.StringIO()
    buffer.write(BOM)
    writer = csv.writer(buffer)
    for first, *others in rows:
        # The first cell begins the line, with any separator: there a number would be the beginning of a formula.
        writer.writerow([_BEGINNING.sub("'", str(first)), *(cell(value) for value in others)])
        if buffer.tell() >= PIECE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def gathered(texts: Iterable[str]) -> Iterator[str]:
    """The same of what is no table."""
    piece, length = [], 0
    for text in texts:
        piece.append(text)
        length += len(text)
        if length >= PIECE:
            yield "".join(piece)
            piece, length = [], 0
    yield "".join(piece)


def understand(file: IO[bytes], country: str) -> Understood:
    """Read numbers, one a line, with a note beside if there is one; `country` reads those without a country code.

    A first line that names its columns says which are meant; without one the first cell of a line is the number and
    the second the note. Raises BadFile when it is too large or no text.
    """
    text = _opened(file, country)
    delimiter = _delimiter(text.readline())
    text.seek(0)
    found, columns = Understood(), (0, 1)
    for line, words in enumerate(text, 1):
        if line > MOST_LINES:
            raise BadFile(
                gettext("The file has more than {most} lines. Split it and import the parts one by one.").format(
                    most=MOST_LINES
                )
            )
        cells = _cells(words, delimiter)
        if line == 1 and (named := _named(cells)):
            found.header, columns = True, named
        else:
            _take(found, line, cells, columns, country)
    return found


def too_large() -> str:
    """What to say of a file above the limit."""
    return gettext("The file is larger than {most} MB; divide it.").format(most=MOST_BYTES >> 20)


def _no_text() -> str:
    return gettext("This is not a text file. Save the table as CSV, then choose that file.")


def _cells(line: str, delimiter: str) -> list[str]:
    """Each line for itself, so that a quote too many does not swallow those after it."""
    try:
        row = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a cell longer than any note
        row = [line]
    return [_plain(one) for one in row]


def _older(country: str) -> str:
    """The encoding of a file that is no Unicode. English is read everywhere: then the portal's country counts."""
    language = get_language() or "en"
    spoken = get_official_languages(country, de_facto=True) if language == "en" else (language,)
    known = (_BEFORE_UNICODE.get(one.replace("_", "-").lower()) for one in spoken)
    return next(filter(None, known), _WESTERN)


def _opened(file: IO[bytes], country: str) -> io.TextIOWrapper:
    """UTF-16 with its mark, UTF-8, or what Windows writes elsewhere. Raises BadFile when too large or no text."""
    beginning = file.read(MOST_BYTES + 1)
    if len(beginning) > MOST_BYTES:
        raise BadFile(too_large())
    marked = beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if b"\0" in beginning and not marked:
        raise BadFile(_no_text())
    for encoding in ["utf-16"] if marked else ["utf-8-sig", _older(country)]:
        try:
            beginning.decode(encoding)
        except UnicodeDecodeError:
            continue
        return io.TextIOWrapper(io.BytesIO(beginning), encoding=encoding)
    raise BadFile(_no_text())


def _delimiter(first: str) -> str:
    return max(",;\t", key=first.count)


def _plain(cell: str) -> str:
    """Our own files mark what looks like a formula, and spreadsheets what looks like a number, with a quote ahead."""
    return _MARKED.sub("", cell.replace("\0", "").strip().removeprefix("'").strip())


def _named(cells: Sequence[str]) -> tuple[int, int] | None:
    ours = (gettext("Number"), gettext("Phone"), gettext("Phone number"))
    numbers = _NUMBER_COLUMNS | {one.casefold() for one in ours}
    notes = _NOTE_COLUMNS | {gettext("Note").casefold()}
    names = [one.casefold() for one in cells]
    number = next((place for place, name in enumerate(names) if name in numbers), None)
    if number is None:
        return None
    return number, next((place for place, name in enumerate(names) if name in notes), -1)


def _take(found: Understood, line: int, cells: Sequence[str], columns: tuple[int, int], country: str) -> None:
    if not any(cells):
        found.empty += 1
        return
    at, beside = columns
    raw = cells[at] if at < len(cells) else ""
    try:
        number = _number(raw, country)
    except BadNumber as bad:
        shown = " ".join(one for one in cells if one)[:LONGEST_LINE_SHOWN]
        found.bad.append(BadLine(line, shown, gettext(bad.words)))
        return
    if number in found.numbers:
        found.twice += 1
    else:
        found.numbers[number] = cells[beside][:200] if 0 <= beside < len(cells) else ""


def _number(raw: str, country: str) -> str:
    if len(raw) > LONGEST_NUMBER:  # to find out why it is none would cost a hundred times as much
        raise BadNumber("This is not a telephone number.")
    return read_e164(raw, country)


def ranges(lines: Sequence[int]) -> str:
    """Line numbers in short: 3, 7-9."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], line]
        else:
            parts.append([line])
    return ", ".join("–".join(map(str, part)) for part in parts)
