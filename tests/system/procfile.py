"""The Procfile's lines by their names, word by word."""

from tests.system.checkout import ROOT

LINES = {
    name: command
    for name, _, command in (line.partition(": ") for line in (ROOT / "Procfile").read_text().splitlines())
    if command
}
