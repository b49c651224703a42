"""CSV files for spreadsheets: phone numbers read from them, and rows written so that no cell is a formula."""

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

MAX_BYTES = 5 * 1024 * 1024
MAX_LINES = 50_000  # read in two seconds, or in five where somebody has made them as slow as possible
BOM = "\ufeff"
PIECE = 32_768
LONGEST_LINE_SHOWN = 60
LONGEST_NUMBER = 40  # characters, with all that people write into one
# What a spreadsheet takes for the beginning of a formula, and what may end the cell before it: half of the world's
# spreadsheets split at semicolons, and do not ask. Some fold full-width signs to the others.
_FORMULA, _ENDS = "=+\\-@\t\r＝＋－＠", ';,\t\r\n"'
_BEGINNING = re.compile(f"(?:^(?=[{_FORMULA}\n])|(?<=[{_ENDS}])(?=[{_FORMULA}]))")
_MARKED = re.compile(f"(?<=[{_ENDS}])'(?=[{_FORMULA}])")
# A phone number is harmless as a formula, and other systems want it unchanged.
_NUMBER = re.compile(r"\+[0-9]{1,15}")
# In addition to what the console calls them in the reader's language.
_NUMBER_COLUMNS = frozenset({"number", "phone", "phone number", "to", "номер", "телефон", "номер телефона"})
_NOTE_COLUMNS = frozenset({"note", "comment", "заметка", "примечание", "комментарий"})
# The encodings in which spreadsheets on Windows write text that is not Unicode, by language.
_LEGACY_ENCODINGS = {
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
    """The file cannot be read at all; the message says why, to people."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line without a usable number; `line` counts from 1, as editors do."""

    line: int
    text: str
    why: str


@dataclass(slots=True)
class ParsedNumbers:
    """The content of a file: E.164 number to note, in the order of the file, and every line that is not one."""

    numbers: dict[str, str] = field(default_factory=dict)
    bad: list[BadLine] = field(default_factory=list)
    twice: int = 0  # lines with a number that the file has already
    empty: int = 0
    header: bool = False

    @property
    def lines(self) -> int:
        return len(self.numbers) + len(self.bad) + self.twice + self.empty + self.header


def escape_cell(value: object) -> str:
    """Return a value as a CSV cell that no spreadsheet evaluates, wherever it thinks that a cell ends."""
    text = str(value)
    return text if _NUMBER.fullmatch(text) else _BEGINNING.sub("'", text)


def write_csv(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield CSV as spreadsheets open it: a UTF-8 byte order mark, then lines that end with CR and LF.

    In pieces of about PIECE characters, for each is a network call of its own.
    """
    buffer = io.StringIO()
    buffer.write(BOM)
    writer = csv.writer(buffer)
    for first, *others in rows:
        # The first cell begins the line whatever the separator: even a phone number would begin a formula there.
        writer.writerow([_BEGINNING.sub("'", str(first)), *(escape_cell(value) for value in others)])
        if buffer.tell() >= PIECE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def blank_if_none(value: object) -> str:
    """Return a value as text, "" for None."""
    return "" if value is None else str(value)


def gather_pieces(texts: Iterable[str]) -> Iterator[str]:
    """Join texts that are not a table into pieces of about PIECE characters."""
    piece, length = [], 0
    for text in texts:
        piece.append(text)
        length += len(text)
        if length >= PIECE:
            yield "".join(piece)
            piece, length = [], 0
    yield "".join(piece)


def read_numbers(file: IO[bytes], country: str) -> ParsedNumbers:
    """Read numbers, one a line, with an optional note beside; `country` reads those without a country code.

    A first line that names its columns decides which are read; without one the first cell of a line is the number and
    the second the note. Raises BadFile when the file is too large or not text.
    """
    text = _open_text(file, country)
    delimiter = _guess_delimiter(text.readline())
    text.seek(0)
    parsed, columns = ParsedNumbers(), (0, 1)
    for line, content in enumerate(text, 1):
        if line > MAX_LINES:
            raise BadFile(
                gettext("The file has more than {most} lines. Split it and import the parts one by one.").format(
                    most=MAX_LINES
                )
            )
        cells = _split_line(content, delimiter)
        if line == 1 and (named := _find_columns(cells)):
            parsed.header, columns = True, named
        else:
            _read_line(parsed, line, cells, columns, country)
    return parsed


def too_large_message() -> str:
    """Return what to say of a file above the limit."""
    return gettext("The file is larger than {most} MB. Split it into smaller files.").format(most=MAX_BYTES >> 20)


def _not_text_message() -> str:
    return gettext("This is not a text file. Save the spreadsheet as CSV and try again.")


def _split_line(line: str, delimiter: str) -> list[str]:
    """Parse each line by itself, so that an unbalanced quote does not swallow the lines after it."""
    try:
        row = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:  # a cell longer than any note
        row = [line]
    return [_clean_cell(one) for one in row]


def _legacy_encoding(country: str) -> str:
    """Return the encoding of a file that is not Unicode.

    The reader's language decides; English is read everywhere, so there the portal's country does.
    """
    language = get_language() or "en"
    spoken = get_official_languages(country, de_facto=True) if language == "en" else (language,)
    known = (_LEGACY_ENCODINGS.get(one.replace("_", "-").lower()) for one in spoken)
    return next(filter(None, known), _WESTERN)


def _open_text(file: IO[bytes], country: str) -> io.TextIOWrapper:
    """Decode UTF-16 with its mark, UTF-8, or the legacy encoding. Raises BadFile when too large or not text."""
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise BadFile(too_large_message())
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if b"\0" in content and not is_utf16:
        raise BadFile(_not_text_message())
    for encoding in ["utf-16"] if is_utf16 else ["utf-8-sig", _legacy_encoding(country)]:
        try:
            content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return io.TextIOWrapper(io.BytesIO(content), encoding=encoding)
    raise BadFile(_not_text_message())


def _guess_delimiter(first: str) -> str:
    return max(",;\t", key=first.count)


def _clean_cell(cell: str) -> str:
    """Remove the quote that our files put before formulas, and spreadsheets before what looks like a number."""
    return _MARKED.sub("", cell.replace("\0", "").strip().removeprefix("'").strip())


def _find_columns(cells: Sequence[str]) -> tuple[int, int] | None:
    """Return the columns of number and note that a header names, -1 for no note; None if it is no header."""
    ours = (gettext("Number"), gettext("Phone"), gettext("Phone number"))
    numbers = _NUMBER_COLUMNS | {one.casefold() for one in ours}
    notes = _NOTE_COLUMNS | {gettext("Note").casefold()}
    names = [one.casefold() for one in cells]
    number = next((place for place, name in enumerate(names) if name in numbers), None)
    if number is None:
        return None
    return number, next((place for place, name in enumerate(names) if name in notes), -1)


def _read_line(parsed: ParsedNumbers, line: int, cells: Sequence[str], columns: tuple[int, int], country: str) -> None:
    if not any(cells):
        parsed.empty += 1
        return
    number_column, note_column = columns
    raw = cells[number_column] if number_column < len(cells) else ""
    try:
        number = _read_number(raw, country)
    except BadNumber as bad:
        shown = " ".join(one for one in cells if one)[:LONGEST_LINE_SHOWN]
        parsed.bad.append(BadLine(line, shown, gettext(bad.words)))
        return
    if number in parsed.numbers:
        parsed.twice += 1
    else:
        parsed.numbers[number] = cells[note_column][:200] if 0 <= note_column < len(cells) else ""


def _read_number(raw: str, country: str) -> str:
    if len(raw) > LONGEST_NUMBER:  # parsing it would cost a hundred times as much, only to refuse it too
        raise BadNumber("This is not a telephone number.")
    return read_e164(raw, country)


def format_ranges(lines: Sequence[int]) -> str:
    """Return line numbers in short: 3, 7–9."""
    parts: list[list[int]] = []
    for line in lines:
        if parts and line == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], line]
        else:
            parts.append([line])
    return ", ".join("–".join(map(str, part)) for part in parts)
