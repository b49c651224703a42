"""Alerts, dashboards and runbook speak of metrics that exist, and of each other."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from b24app.operations.monitoring import gauges, monitor  # noqa: F401 - with it every metric is defined
from tests.operations.monitoring import alert_cases

DOCS = alert_cases.ALERTS.parents[1]
RUNBOOK = (DOCS / "runbook.md").read_text()
DASHBOARDS = sorted((DOCS / "monitoring").glob("*.json"))
METRIC = re.compile(r"\bsendline_\w+")


def existing_names() -> set[str]:
    """Return the names that samples of our metrics have."""
    names = {f"sendline_{name}" for name in gauges.GAUGES}
    for family in REGISTRY.collect():
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"], "gauge": [""]}
        names |= {family.name + suffix for suffix in suffixes.get(family.type, [""])}
    return names


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(alert_cases.ALERTS.read_text())["groups"]
    return list(group["rules"])


def queries(dashboard: Path) -> list[str]:
    panels = json.loads(dashboard.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


def test_every_metric_that_an_alert_asks_for_exists() -> None:
    asked = {name for rule in rules() for name in METRIC.findall(rule["expr"])}
    assert asked - existing_names() == set()


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.name)
def test_every_metric_on_a_dashboard_exists(dashboard: Path) -> None:
    asked = {name for query in queries(dashboard) for name in METRIC.findall(query)}
    assert asked
    assert asked - existing_names() == set()


def test_every_metric_in_the_runbook_exists() -> None:
    named = set(METRIC.findall(RUNBOOK)) | set(METRIC.findall((DOCS / "monitoring" / "README.md").read_text()))
    families = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in existing_names()}
    assert named - existing_names() - families == set()


def test_there_are_at_most_twenty_alerts_and_each_leads_to_its_section() -> None:
    names = alert_cases.alert_names()
    assert len(names) == len(set(names)) <= 20
    for rule in rules():
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"page", "ticket"}
        section = RUNBOOK.partition(f"## {rule['alert']}\n")[2].partition("\n## ")[0]
        for part in ("**Means.**", "**See.**", "**Do.**", "**Over.**"):
            assert part in section, (rule["alert"], part)
    assert re.findall(r"^## (Sendline\w+)$", RUNBOOK, re.MULTILINE) == names


def test_every_link_within_the_runbook_leads_somewhere() -> None:
    anchors = {title.lower() for title in re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE)}
    assert set(re.findall(r"\(#(\w+)\)", RUNBOOK)) <= anchors


def test_every_alert_has_a_trouble_that_raises_it() -> None:
    assert {f"Sendline{expected}" for expected, _ in alert_cases.CASES.values()} == set(alert_cases.alert_names())


@pytest.mark.skipif(shutil.which("promtool") is None, reason="Debian's package `prometheus` has promtool")
def test_each_trouble_raises_its_alert_within_two_minutes_and_no_other(tmp_path: Path) -> None:
    alert_cases.main(str(tmp_path))
    ended = subprocess.run(
        ["promtool", "test", "rules", str(tmp_path / "alerts_test.yml")], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_no_label_of_ours_can_name_a_tenant() -> None:
    labels = {label for family in REGISTRY.collect() if family.name.startswith("sendline_") for one in family.samples
              for label in one.labels}  # fmt: skip
    allowed = {
        "role", "version", "door", "code", "why", "origin", "service", "result", "status", "reason", "group", "loop",
        "kind", "state", "check", "le", "queue", "phase", "suspension",
    }  # fmt: skip
    assert labels <= allowed
