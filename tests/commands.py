"""Run a management command in this process, as an operator does."""

from io import StringIO

from django.core.management import call_command


def run_command(name: str, *arguments: str) -> tuple[list[str], int]:
    """Return the lines that the command says, and its exit code."""
    out, code = StringIO(), 0
    try:
        call_command(name, *arguments, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    return out.getvalue().splitlines(), code
