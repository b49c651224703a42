"""Running the doctor in this process."""

from tests.commands import run_command


def run_doctor(*arguments: str) -> tuple[list[str], int]:
    """Return the lines that it says, and its exit code."""
    return run_command("doctor", *arguments)
