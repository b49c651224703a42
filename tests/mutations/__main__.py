"""`python -m tests.mutations`: break a copy of the code in each known way; exit code 1 where no test noticed."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from tests.mutations.catalogue import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[2]
TESTS_FAILED = 1  # pytest's exit code; 2 to 5: they could not be run
LONGEST = 300.0  # seconds of one run
PLAIN = "the code as it is"


def main() -> int:
    """Run the tests on the code as it is, then on each mutation of it; print a table."""
    asked = _arguments()
    chosen = [one for one in MUTATIONS if not asked.only or any(word in one.name for word in asked.only)]
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        copies = SimpleQueue[Path]()
        for number in range(asked.jobs):
            copies.put(_copy_tree(Path(folder) / str(number)))
        tests = list(dict.fromkeys(test for one in chosen for test in one.tests))
        copy = copies.get()
        rc, seconds = _run_tests(copy, tests)
        copies.put(copy)
        _say("green" if rc == 0 else f"rc {rc}", seconds, PLAIN, [f"{len(tests)} tests"])
        if rc:
            return 1
        with ThreadPoolExecutor(asked.jobs) as pool:
            noticed = list(pool.map(lambda one: _play(one, copies), chosen))
    _say("", 0.0, f"{sum(noticed)} of {len(noticed)} noticed", [])
    return int(not all(noticed))


def _play(mutation: Mutation, copies: "SimpleQueue[Path]") -> bool:
    copy = copies.get()
    try:
        with _mutated(copy / mutation.file, mutation):
            rc, seconds = _run_tests(copy, mutation.tests)
    finally:
        copies.put(copy)
    _say({TESTS_FAILED: "noticed", 0: "SURVIVED"}.get(rc, f"BROKEN rc {rc}"), seconds, mutation.name, mutation.tests)
    return rc == TESTS_FAILED


@contextmanager
def _mutated(path: Path, mutation: Mutation) -> Iterator[None]:
    text = path.read_text()
    if text.count(mutation.old) != 1:
        raise LookupError(f"{mutation.name}: {mutation.file} has it {text.count(mutation.old)} times")
    path.write_text(text.replace(mutation.old, mutation.new))
    try:
        yield
    finally:
        path.write_text(text)


def _run_tests(copy: Path, tests: Sequence[str]) -> tuple[int, float]:
    """Return pytest's exit code, and how long it took."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=copy, env=env, capture_output=True, timeout=LONGEST, check=False)
    if done.returncode not in {0, TESTS_FAILED}:
        sys.stderr.write(done.stdout.decode()[-3000:])
    return done.returncode, time.monotonic() - began


def _copy_tree(target: Path) -> Path:
    """Copy what git knows of, as it stands in the working tree; return where."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def _say(outcome: str, seconds: float, name: str, tests: Sequence[str]) -> None:
    sys.stdout.write(f"{outcome:10} {seconds:5.0f} s  {name}\n" + "".join(f"{'':19}{test}\n" for test in tests))
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("--only", action="append", default=[], help="only those whose name has it; may be repeated")
    parser.add_argument("--jobs", type=int, default=2, help="so many at a time, each in a copy of its own")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
