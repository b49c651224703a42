"""What may be kept of a template that a person wrote: its shape, its placeholders, and names that everybody uses.

Somebody's own gateway is described in templates, and people write their keys into them: into the path, an attribute, a
name. Which word is a key nobody can tell. So nothing that was written out is kept, but for words of this trade that
stand where a name stands; and whatever was written out is struck from what the gateway answers.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote_plus

HIDDEN = "…"
USUAL = frozenset(
    """
    accept access account action api apikey apisecret apitoken apiversion app application attribute auth authkey
    authorization authtoken bearer basic bin body bulk callback callbackurl campaign cgi channel charset class client
    clientid clientref coding com command concat content contenttype context control count country create data date
    datacoding delivery deliveryreport dest destination destinations device dlr dlrmask dlrurl encoding entity entityid
    error extra false file flash form format from group head header http https html id ids index info int integer ip
    item items json key kind lang language lat list login long mask max message messageid messages method mobile mode
    model module msg msgid msgs msisdn name net none notify notifyurl null number numbers ok option options orderid org
    originator outbound page param parameter parameters params parts pass passwd password pdu phone phonenumber phones
    php pin plain post priority profile project provider pwd query quick receiver recipient recipients ref reference
    reply report reports reporturl request requestid response rest result route scheduled schema secret send sender
    senderid sendsms service session short signature simple single sms smsc smsid smstext soap source src status string
    submit subject system tag tags target telephone template templateid test text time timeout title to token track
    transaction transactional true type udh ucs unicode uri url urlencoded user userid username users utf validity value
    version view webhook xml xmlns xsd xsi
    """.split()  # noqa: SIM905 (a list would be a page)
)
"""Words of requests for messages, in lower case and without hyphens and underscores."""
SHORTEST_WORD, SHORTEST_NUMBER = 3, 4
PLACEHOLDER = re.compile(r"\{[a-z_]+\}")
_SECRET_NAME = re.compile(
    r"(x[-_]?)?(((api|app|access|auth|secret|private|client|user|account|sms)[-_]?)?"
    r"(key|token|secret|password|passwd|passwort|passphrase|pass|pwd|psw|pin)|auth|authorization|credentials?)",
    re.IGNORECASE,
)
_NAMED = re.compile(r"""(?<![\w.-])(?P<name>[\w.-]+)(?=["']?\s*(?:[=:]|>)\s*["']?(?P<value>[^"'&<>,;\n]*))""")
_SCHEMES = {"", "basic", "bearer", "token", "key", "apikey", "app", "digest", "true", "false", "null"}
_LONG_WORD = re.compile(r"(?<![\w.~+-])(?=[\w.~+-]*[0-9])(?=[\w.~+-]*[A-Za-z])[\w.~+-]{20,}")
_RUN = re.compile(r"[^\s/?&=:,;{}\[\]\"'<>|]+")
_NAMES = re.compile(r"[\"']?\s*[:=]")
_ALONE = re.compile(r"[^\W_]+")


def outline_template(template: str) -> str:
    """Return the shape of a template, what was written out as dots; names stay where they are usual ones."""
    return _map_written_parts(template, _hide_unusual_words)


def outline_path(template: str) -> str:
    """Return the shape of a path, of which no segment is kept: its words are not names of anything."""
    return _map_written_parts(template, lambda written: re.sub("[^/]+", HIDDEN, written))


def _map_written_parts(template: str, judged: Callable[[str], str]) -> str:
    pieces, upto = [], 0
    for found in PLACEHOLDER.finditer(template):
        pieces += [judged(template[upto : found.start()]), found[0]]
        upto = found.end()
    return "".join([*pieces, judged(template[upto:])])


def written_words(templates: Iterable[str]) -> Iterator[str]:
    """Yield the single words that are written out in templates, in lower case, but for the usual ones."""
    for template in templates:
        written = PLACEHOLDER.sub(" ", template)
        for word in _ALONE.findall(f"{written} {unquote_plus(written)}"):
            shortest = SHORTEST_NUMBER if word.isdecimal() else SHORTEST_WORD
            if len(word) >= shortest and word.lower() not in USUAL:
                yield word.lower()


def find_key(template: str, *, alone: bool) -> str:
    """Return what seems to be a key that was written out in a template, "" where nothing does.

    That is what stands behind a telling name, where neither {password} nor {username} stands there.
    `alone` says that no password is filled in anywhere: then a long word of letters and digits is one too.
    """
    template = template.partition("://")[2] if template.startswith("http") else template
    for found in _NAMED.finditer(template):
        if not _SECRET_NAME.fullmatch(found["name"]):
            continue
        written = PLACEHOLDER.sub(" ", found["value"]).strip()
        holds = "{password}" in found["value"] or "{username}" in found["value"]
        words = {word.strip("]}") for word in written.lower().split()} - _SCHEMES
        if words and not holds and written[0] not in "{[":
            return written
    long = _LONG_WORD.search(PLACEHOLDER.sub(" ", template)) if alone else None
    return long[0] if long else ""


def is_usual(word: str) -> bool:
    """Whether a word is one of the trade, in any of its spellings."""
    bare = re.sub("[-_.]", "", word.lower())
    return bare in USUAL or bare.removeprefix("x") in USUAL


def _hide_unusual_words(written: str) -> str:
    def judged(found: re.Match[str]) -> str:
        names = _NAMES.match(written, found.end()) or written.endswith(("<", "</"), 0, found.start())
        return found[0] if names and is_usual(found[0]) else HIDDEN

    return _RUN.sub(judged, written)
