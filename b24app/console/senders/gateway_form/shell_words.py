"""The words of one shell command, as a terminal would split it; nothing is ever run or looked up."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

MAX_CHARACTERS, MAX_WORDS = 20_000, 400
_BLANKS, _OPERATORS = " \t\n", "|;&<>()`"
_QUOTED_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


class BadCommand(ValueError):
    """The command cannot be read; the text says why, to whom pasted it."""


def split_words(command: str) -> list[str]:
    """Return the words of a command with their quotes taken off; raise BadCommand.

    Variables stay as they are written, for their values are not known here. A line may end without a backslash:
    that is lost where commands are copied from web pages.
    """
    if len(command) > MAX_CHARACTERS:
        raise BadCommand(_("The command is too long. Use at most 20,000 characters."))
    command = command.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    if '^"' in command or "^\n" in command:
        raise BadCommand(_("This is a Windows command. In the browser, choose “Copy as cURL (bash)”."))
    words = list(_Reader(command).words())
    if len(words) > MAX_WORDS:
        raise BadCommand(_("The command has too many parts."))
    return words


class _Reader:
    def __init__(self, command: str) -> None:
        self._rest = iter(command)
        self._next = next(self._rest, "")

    def words(self) -> Iterator[str]:
        word: list[str] | None = None
        while self._next:
            sign = self._take()
            if sign == "\\" and self._next == "\n":
                self._take()
            elif sign in _BLANKS:
                if word is not None:
                    yield "".join(word)
                word = None
            else:
                word = word or []
                word.append(self._read_piece(sign, begins=not word))
        if word is not None:
            yield "".join(word)

    def _take(self) -> str:
        taken, self._next = self._next, next(self._rest, "")
        return taken

    def _read_piece(self, sign: str, *, begins: bool) -> str:
        match sign:
            case "'":
                return "".join(iter(self._take_quoted, "'"))
            case '"':
                return self._double_quoted()
            case "\\":
                return self._take()
            case "$" if self._next == "'":
                self._take()
                return self._ansi_quoted()
        is_ampersand_of_url = sign == "&" and not begins and self._next not in ("", "&", *_BLANKS)
        if (sign in _OPERATORS and not is_ampersand_of_url) or (sign == "#" and begins):
            raise BadCommand(_("Paste a single curl command, without pipes and without other commands."))
        return sign

    def _double_quoted(self) -> str:
        found = []
        while (sign := self._take_quoted()) != '"':
            if sign == "\\" and self._next and self._next in '"\\$`\n':
                sign = self._take().replace("\n", "")
            found.append(sign)
        return "".join(found)

    def _ansi_quoted(self) -> str:
        """Read the rest of $'…', in which browsers write what has quotes and line breaks."""
        found = []
        while (sign := self._take_quoted()) != "'":
            found.append(self._escaped() if sign == "\\" else sign)
        return "".join(found).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _escaped(self) -> str:
        sign = self._take_quoted()
        longest = {"x": 2, "u": 4, "U": 8}.get(sign)
        if longest is None:
            return _QUOTED_ESCAPES.get(sign, sign)
        digits = ""
        while len(digits) < longest and self._next in _HEX_DIGITS:
            digits += self._take()
        return chr(min(int(digits, 16), 0x10FFFF)) if digits else sign

    def _take_quoted(self) -> str:
        if not self._next:
            raise BadCommand(_("A quotation mark is not closed. Copy the whole command."))
        return self._take()
