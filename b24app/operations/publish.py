"""`make release VERSION=1.1.0`: tag a release, and make what is handed out: the source, its parts list, checksums.

Nothing is sent anywhere, and nothing is made of a tree that is not what the tag will say.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

from b24app.operations.sbom import describe_release

ROOT = Path(__file__).resolve().parents[2]


class NotReady(Exception):
    """The tree is not one that may be released; the message says why."""


def publish_release(root: Path, version: str) -> Path:
    """Tag the commit of `root`, and return the folder with what is handed out. Raise NotReady, with nothing done."""
    _check_is_ready(root, version)
    commit = _git(root, "rev-parse", "HEAD")
    folder = root / "dist" / version
    folder.mkdir(parents=True, exist_ok=True)
    source, parts = folder / f"sendline-{version}.tar.gz", folder / f"sendline-{version}.cdx.json"
    _git(root, "archive", "--format=tar.gz", f"--prefix=sendline-{version}/", f"--output={source}", commit)
    moment = datetime.fromtimestamp(int(_git(root, "log", "-1", "--format=%ct", commit)), UTC).isoformat()
    parts.write_text(json.dumps(describe_release(root, version, commit, moment), indent=2) + "\n", encoding="utf-8")
    sums = [f"{hashlib.sha256(one.read_bytes()).hexdigest()}  {one.name}\n" for one in (parts, source)]
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    _git(root, "tag", "--annotate", f"--message=Sendline {version}", f"v{version}", commit)
    return folder


def _check_is_ready(root: Path, version: str) -> None:
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise NotReady(f"{version} is not a version like 1.2.3.")
    if _git(root, "status", "--porcelain"):
        raise NotReady("There are changes that are not committed.")
    if _git(root, "tag", "--list", f"v{version}"):
        raise NotReady(f"v{version} is tagged already.")
    named = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if named != version:
        raise NotReady(f"pyproject.toml says {named}.")
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$", changes, re.MULTILINE):
        raise NotReady(f'CHANGELOG.md has no section "{version}" with its day.')
    unreleased = re.search(r"^## Unreleased\n(.*?)(?=^## )", changes, re.MULTILINE | re.DOTALL)
    if unreleased and unreleased[1].strip():
        raise NotReady("CHANGELOG.md has changes that belong to no version.")


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def main() -> int:
    """Release the version that the command line names; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m b24app.operations.publish", description=__doc__)
    parser.add_argument("version")
    version = parser.parse_args().version
    try:
        folder = publish_release(ROOT, version)
    except NotReady as error:
        print(f"Not released: {error}", file=sys.stderr)
        return 1
    print(f"Tagged v{version}; to hand out: {folder}. Then: git push origin v{version}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
