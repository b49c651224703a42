"""What a release is made of, as CycloneDX 1.6 in JSON: every package of the lock files, and which one asks for it.

Read from the lock files rather than from what is installed, so that it says what an installation gets; the same commit
gives the same bytes.
"""

import re
import uuid
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

LOCKS = ("requirements.txt", "requirements-extras.txt")
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+) \\\n(?P<about>(?: +.*\n)+)", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:(\w+)")
ASKED_BY = re.compile(r"^ +# +(?:via +)?(?!via$)([\w.-]+)", re.MULTILINE)  # "# via kombu", or a line each below "# via"
OURSELVES = "sendline"


@dataclass(frozen=True)
class Package:
    """A package of a lock file; `asked_by` are the names of those that need it."""

    name: str
    version: str
    hashes: tuple[str, ...]
    asked_by: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package's address, which is also what it is called inside the document."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read_packages(lock: Path) -> list[Package]:
    """Return the packages of a lock file that pip-compile made with hashes."""
    return [
        Package(
            found["name"],
            found["version"],
            tuple(HASH.findall(found["about"])),
            tuple(ASKED_BY.findall(found["about"])),
        )
        for found in PIN.finditer(lock.read_text(encoding="utf-8"))
    ]


def describe_release(root: Path, version: str, commit: str, moment: str) -> dict[str, Any]:
    """Return the document for the code in `root`; `moment` is the commit's, in ISO 8601."""
    base, extras = (read_packages(root / lock) for lock in LOCKS)
    packages = {one.name: one for one in extras} | {one.name: one for one in base}
    needed = {one.name for one in base}
    itself = f"pkg:generic/{OURSELVES}@{version}"
    references = {name: one.purl for name, one in packages.items()} | {OURSELVES: itself}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{itself}#{commit}')}",
        "version": 1,
        "metadata": {
            "timestamp": moment,
            "component": {
                "type": "application",
                "bom-ref": itself,
                "name": OURSELVES,
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
                "properties": [{"name": "git:commit", "value": commit}],
            },
        },
        "components": [
            _describe_package(one, "required" if one.name in needed else "optional") for one in packages.values()
        ],
        "dependencies": [
            {"ref": reference, "dependsOn": sorted(one.purl for one in packages.values() if name in one.asked_by)}
            for name, reference in sorted(references.items())
        ],
    }


def _describe_package(package: Package, scope: str) -> dict[str, Any]:
    source = {
        "type": "distribution",
        "url": f"https://pypi.org/project/{package.name}/{package.version}/",
        "hashes": [{"alg": "SHA-256", "content": one} for one in package.hashes],
    }
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "scope": scope,
        "purl": package.purl,
        "externalReferences": [source],
    } | ({"licenses": licenses} if (licenses := _find_licenses(package)) else {})


def _find_licenses(package: Package) -> list[dict[str, Any]]:
    """Return what the package says of its licence, where that very version is installed here."""
    try:
        found = metadata.metadata(package.name)
    except metadata.PackageNotFoundError:
        return []
    if found["Version"] != package.version:
        return []
    if "License-Expression" in found:
        return [{"expression": found["License-Expression"]}]
    classifiers = found.get_all("Classifier") or []
    return [{"license": {"name": one.rpartition(" :: ")[2]}} for one in classifiers if one.startswith("License :: ")]
