"""Third-party things for a test: taken at run time into `.local/interop`, used again, and never committed."""

import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
LOCAL = HERE.parents[1] / ".local" / "interop"


def venv(name: str, *packages: str) -> Path:
    """Return the `bin` of a virtual environment with these packages from PyPI."""
    folder = LOCAL / name
    done = folder / "installed.txt"
    if not done.exists() or done.read_text() != "\n".join(packages):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True, timeout=120)
        install = ["pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run([folder / "bin" / "python", "-m", *install], check=True, timeout=600)
        done.write_text("\n".join(packages))
    return folder / "bin"


def npm(package: str, *files: str) -> Path:
    """Return the folder with these files of a package from npm; no script of it runs."""
    folder = LOCAL / package.replace("/", "-").replace("@", "-").strip("-")
    if not all((folder / "package" / file).exists() for file in files):
        folder.mkdir(parents=True, exist_ok=True)
        pack = ["npm", "pack", "--silent", "--pack-destination", str(folder), package]
        archive = subprocess.run(pack, check=True, timeout=600, capture_output=True, text=True).stdout.strip()
        with tarfile.open(folder / archive) as packed:
            for file in files:
                packed.extract(f"package/{file}", folder, filter="data")
        (folder / archive).unlink()
    return folder / "package"
