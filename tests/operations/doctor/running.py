"""Running the doctor in this process."""

from io import StringIO

from django.core.management import call_command


def run_doctor(*arguments: str) -> tuple[list[str], int]:
    """Return the lines that it says, and its exit code."""
    out, code = StringIO(), 0
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    return out.getvalue().splitlines(), code
