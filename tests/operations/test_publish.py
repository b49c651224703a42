"""A release is made of a committed tree that says its version; what is handed out can be verified."""

import json
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from b24app.operations import publish, sbom
from tests.system.checkout import ROOT

CHANGES = "# Changelog\n\n## Unreleased\n\n## 1.1.0 - 2026-12-01\n\n- New.\n\n## 1.0.0 - 2026-11-30\n"


def git(folder: Path, *arguments: str) -> str:
    people = {f"GIT_{role}_{what}": "alice@example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    ended = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **people}, check=True, capture_output=True, text=True
    )
    return ended.stdout


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository that is ready for 1.1.0."""
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Alice")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "alice@example")
    for name in sbom.LOCKS:
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".gitignore").write_text("/dist/\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.1.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGES)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def test_a_release_is_tagged_and_can_be_verified(tree: Path) -> None:
    folder = publish.publish_release(tree, "1.1.0")
    assert git(tree, "rev-parse", "v1.1.0^{commit}") == git(tree, "rev-parse", "HEAD")
    checked = subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, check=True, text=True)
    assert checked.returncode == 0
    with tarfile.open(folder / "sendline-1.1.0.tar.gz") as source:
        assert "sendline-1.1.0/requirements.txt" in source.getnames()
    assert json.loads((folder / "sendline-1.1.0.cdx.json").read_text())["metadata"]["component"]["version"] == "1.1.0"


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("new.py", "", "There are changes that are not committed."),
        ("pyproject.toml", '[project]\nversion = "1.0.0"\n', "pyproject.toml says 1.0.0."),
        ("CHANGELOG.md", CHANGES.replace("1.1.0 - 2026-12-01", "1.1.0"), 'CHANGELOG.md has no section "1.1.0"'),
        ("CHANGELOG.md", CHANGES.replace("Unreleased\n", "Unreleased\n\n- More.\n"), "CHANGELOG.md has changes that"),
    ],
)
def test_a_tree_that_is_not_ready_is_left_alone(tree: Path, name: str, text: str, why: str) -> None:
    (tree / name).write_text(text)
    if name != "new.py":
        git(tree, "commit", "--quiet", "--all", "--message", "Change")
    with pytest.raises(publish.NotReady, match=re.escape(why)):
        publish.publish_release(tree, "1.1.0")
    assert git(tree, "tag") == ""
    assert not (tree / "dist").exists()


def test_a_version_is_released_once(tree: Path) -> None:
    publish.publish_release(tree, "1.1.0")
    with pytest.raises(publish.NotReady, match="is tagged already"):
        publish.publish_release(tree, "1.1.0")


def test_each_locked_package_is_in_the_parts_list_with_what_asks_for_it() -> None:
    parts = sbom.describe_release(ROOT, "1.1.0", "c0ffee", "2026-12-01T00:00:00+00:00")
    locked = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements-extras.txt").read_text(), re.M)
    assert sorted((one["name"], one["version"]) for one in parts["components"]) == sorted(locked)
    needs = {
        one["ref"].partition("@")[0]: [purl.partition("@")[0] for purl in one["dependsOn"]]
        for one in parts["dependencies"]
    }
    assert "pkg:pypi/billiard" in needs["pkg:pypi/celery"]
    assert "pkg:pypi/amqp" in needs["pkg:pypi/kombu"]
    assert {"pkg:pypi/django", "pkg:pypi/celery", "pkg:pypi/apprise"} <= set(needs["pkg:generic/sendline"])
    asked = {purl for purls in needs.values() for purl in purls}
    assert asked == needs.keys() - {"pkg:generic/sendline"}, "a package that nothing asks for"
    assert {one["name"]: one["scope"] for one in parts["components"]} == {
        name: "required" if f"\n{name}==" in (ROOT / "requirements.txt").read_text() else "optional"
        for name, _ in locked
    }
    assert parts == sbom.describe_release(ROOT, "1.1.0", "c0ffee", "2026-12-01T00:00:00+00:00")
