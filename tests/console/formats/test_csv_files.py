"""CSV in and out: nothing is lost on the way in, nothing is computed on the way out."""

import csv
import io
import re
import time
from random import Random

import pytest
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

from b24app.console.formats import csv_files


def understood(text: str | bytes, country: str = "US") -> csv_files.ParsedNumbers:
    return csv_files.read_numbers(io.BytesIO(text if isinstance(text, bytes) else text.encode()), country)


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+1+1", "'+1+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("\r=1", "'\r'=1"),
        ("+12025550147", "+12025550147"),  # a number is no formula, and other systems want it as it is
        ("+12025550147+1", "'+12025550147+1"),
        ("asked on 3 May = no", "asked on 3 May = no"),
        ("called;=1+1", "called;'=1+1"),
        ("a,@SUM(A1)\t-1\r\n+2\n=3", "a,'@SUM(A1)\t'-1\r\n'+2\n'=3"),
        ('said "=1"', 'said "\'=1"'),
        ("＝1;＋2;－3;＠4", "'＝1;'＋2;'－3;'＠4"),
        ("no;harm, in: 5-3", "no;harm, in: 5-3"),
        ("two\r\nlines", "two\r\nlines"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(value: str, safe: str) -> None:
    assert csv_files.escape_cell(value) == safe


def begins_a_formula(cell: str) -> bool:
    return cell[:1] in set("=+-@\t\r＝＋－＠") and not re.fullmatch(r"\+[0-9]{1,15}", cell)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_is_a_formula_whatever_separates_the_cells(delimiter: str) -> None:
    """Excel separates with a semicolon in half of the world, and with what it is told."""
    random = Random(9)  # noqa: S311 - the same texts each time
    letters = "=+-@\t\r\n;,\"'＝＋－＠a1 "
    texts = ["".join(random.choices(letters, k=random.randint(0, 9))) for _ in range(30_000)]
    rows = [["+12025550147", *texts[at : at + 4], "+4915112345678"] for at in range(0, len(texts), 4)]
    content = "".join(csv_files.write_csv(rows)).removeprefix("\ufeff")
    cells = [cell for row in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter) for cell in row]
    assert [cell for cell in cells if begins_a_formula(cell)] == []
    assert len(cells) >= len(rows)


@pytest.mark.parametrize("text", ["=1+1", "a;=1", "a,@b\t-1", 'she said "=1"', "＝1;＋2", "-", "call +1 202; 5-3"])
def test_a_note_comes_back_as_it_was(text: str) -> None:
    rows = [("added", "number", "note"), ("2026-11-30", "+4915112345678", text)]
    assert understood("".join(csv_files.write_csv(rows))).numbers == {"+4915112345678": text}


def test_what_is_written_is_read_back() -> None:
    rows = [("id", "number", "note"), (1, "+12025550147", "=1+1"), (2, "+12025550148", 'said "stop", twice')]
    text = "".join(csv_files.write_csv(rows))
    assert text.startswith("\ufeff")
    assert list(csv.reader(io.StringIO(text[1:])))[1] == ["1", "+12025550147", "'=1+1"]
    found = understood(text)
    assert found.numbers == {"+12025550147": "=1+1", "+12025550148": 'said "stop", twice'}
    assert (found.header, found.bad) == (True, [])


def test_every_line_is_accounted_for() -> None:
    found = understood("202 555 0147,first\n\nnobody\n+12025550147,again\n+1202,too short\n+442079460321\n")
    assert found.numbers == {"+12025550147": "first", "+442079460321": ""}
    assert [(one.line, one.text) for one in found.bad] == [(3, "nobody"), (5, "+1202 too short")]
    assert found.bad[0].why == "Enter a valid phone number."
    assert (found.twice, found.empty, found.header, found.lines) == (1, 1, False, 6)


def test_columns_may_be_named_in_any_order_and_between_others() -> None:
    found = understood("id;Note;Телефон;x\n1;said so;+12025550147;y\n2;;'+12025550148;\n")
    assert found.numbers == {"+12025550147": "said so", "+12025550148": ""}
    assert found.lines == 3


def test_a_quote_too_many_swallows_no_other_line() -> None:
    found = understood('+12025550147,"open\n+12025550148,fine\n')
    assert list(found.numbers) == ["+12025550147", "+12025550148"]
    assert found.numbers["+12025550148"] == "fine"


@pytest.mark.parametrize(
    ("language", "encoding", "header", "note"),
    [
        ("ru", "cp1251", "Номер;Примечание", "просил не писать"),
        ("uk", "cp1251", "Номер;Нотатка", "просив не писати"),
        ("pl", "cp1250", "Telefon;Notatka", "prosił o spokój"),
        ("de", "cp1252", "Telefonnummer;Notiz", "möchte nichts hören"),
        ("tr", "cp1254", "Telefon;Not", "yazılmasın istedi"),
        ("ja", "cp932", "番号;メモ", "送らないで"),
        ("zh-hans", "gb18030", "号码;备注", "不要再发"),
        ("zh-hant", "cp950", "號碼;備註", "請勿再發"),
        ("th", "cp874", "หมายเลข;หมายเหตุ", "ไม่ต้องส่ง"),
    ],
)
def test_what_windows_writes_is_read_in_the_reader_s_language(
    language: str, encoding: str, header: str, note: str
) -> None:
    with translation.override(language):
        found = understood(f"{header}\r\n+7 999 000 14 52;{note}\r\n".encode(encoding), "RU")
    assert (found.numbers, found.header) == ({"+79990001452": note}, True)


@pytest.mark.parametrize(
    ("country", "encoding", "note"),
    [
        ("RU", "cp1251", "просил не писать"),
        ("PL", "cp1250", "prosił"),
        ("CN", "gb18030", "不要再发"),
        ("TW", "cp950", "請勿再發"),
        ("US", "cp1252", "“stop”"),
    ],
)
def test_for_who_reads_english_the_country_of_the_portal_counts(country: str, encoding: str, note: str) -> None:
    assert understood(f"+12025550147;{note}\n".encode(encoding), country).numbers == {"+12025550147": note}


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_columns_are_known_by_the_names_they_have_on_the_screen(language: str) -> None:
    with translation.override(language):
        for name in ("Number", "Phone", "Phone number"):
            found = understood(f"x;{gettext('Note')};{gettext(name)}\n1;said so;+12025550147\n")
            assert found.numbers == {"+12025550147": "said so"}


def test_what_a_spreadsheet_made_of_a_number_is_not_taken_for_one() -> None:
    found = understood("1.20256E+10\n")
    assert (found.numbers, found.bad[0].line) == ({}, 1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PK\x03\x04\0\0", "This is not a text file."),
        (b"1" * (csv_files.MAX_BYTES + 1), "The file is larger than 5 MB"),
        (b"\n" * (csv_files.MAX_LINES + 1), "The file has more than 50000 lines. Split it"),
    ],
)
def test_a_file_that_cannot_be_one_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(csv_files.BadFile, match=words):
        understood(content)


@pytest.mark.parametrize(
    "line",
    ["+7" + "/" * 100 + "9" * 100, "+7" + "/" * 20 + "9" * 18, "1" * 250, "1 " * 20, "+1202555" + " x1" * 80],
    ids=lambda line: line[:9],
)
def test_lines_that_want_to_take_long_do_not(line: str) -> None:
    longest = min(csv_files.MAX_LINES, csv_files.MAX_BYTES // (len(line) + 1))
    content = f"{line}\n".encode() * (longest // 5)  # each line costs as much as the one before
    started = time.thread_time()
    found = understood(content)
    assert time.thread_time() - started < 8 / 5
    assert (len(found.bad), found.numbers) == (content.count(b"\n"), {})


def test_what_no_column_holds_is_left_out_of_a_note() -> None:
    found = understood("+12025550147;said\0 so\n".encode("utf-16"))
    assert found.numbers == {"+12025550147": "said so"}


def test_line_numbers_in_short() -> None:
    assert csv_files.format_ranges([]) == ""
    assert csv_files.format_ranges([3, 7, 8, 9, 11]) == "3, 7–9, 11"
