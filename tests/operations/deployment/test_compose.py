"""compose.yaml runs what the Procfile says, and no container may do more than its work."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.operations.deployment.test_new_secrets import make_secrets
from tests.system.checkout import ROOT
from tests.system.procfile import LINES

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("sendline:")}


def test_each_process_runs_by_its_name() -> None:
    assert {tuple(service["command"]) for service in OURS.values()} == {(name,) for name in LINES.keys() - {"build"}}
    assert all("entrypoint" not in service for service in OURS.values())


@pytest.mark.parametrize("name", ["web", "webhooks", "worker", "beat"])
def test_a_process_that_is_restarted_leaves_another_one(name: str) -> None:
    running = [one["command"][0] for one in OURS.values() for _ in range(one.get("deploy", {}).get("replicas", 1))]
    assert running.count(name) == 2


def test_each_process_has_longer_to_end_than_it_needs() -> None:
    assert all(service["stop_grace_period"] == "30s" for service in OURS.values())


def test_whatever_is_set_is_a_setting() -> None:
    known = set(re.findall(r"^([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M))
    named = {name.removesuffix("_FILE") for service in OURS.values() for name in service["environment"]}
    assert named - known <= {"TRUSTED_PROXIES", "METRICS_ADDRESS"}


def test_images_are_of_a_version() -> None:
    theirs = [service["image"] for name, service in SERVICES.items() if name not in OURS]
    assert [image for image in theirs if not re.search(r":\d+\.\d+(\.\d+)?-[a-z]+$", image)] == []


def test_each_secret_is_one_that_the_script_makes(tmp_path: Path) -> None:
    secrets = make_secrets(tmp_path)
    files = {name: Path(secret["file"].rpartition("/")[2]).name for name, secret in COMPOSE["secrets"].items()}
    assert set(files.values()) == {path.name for path in secrets.iterdir()}
    for service in SERVICES.values():
        given = service.get("secrets", [])
        assert set(given) <= files.keys()
        said = " ".join([*map(str, service.get("environment", {}).values()), *service.get("command", [])])
        assert set(re.findall(r"/run/secrets/(\w+)", said + str(service.get("healthcheck")))) == set(given)


def test_no_container_may_do_more_than_its_work() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service
        assert "cap_add" not in service or name == "front"
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["front"]
    assert COMPOSE["networks"]["stores"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == SERVICES["redis"]["networks"] == ["stores"]


def test_the_front_of_compose_is_the_proxy_of_the_documents() -> None:
    proxy = ROOT / "docs" / "proxy"
    made = subprocess.run(
        ["sed", "-f", proxy / "compose.sed", proxy / "nginx.conf"], capture_output=True, text=True, check=True
    ).stdout
    addresses = {name: service["networks"]["web"]["ipv4_address"] for name, service in OURS.items() if "-" in name}
    servers = dict.fromkeys(re.findall(r"server (\S+):\d+ max_fails=0;", made))
    assert set(servers) == set(addresses.values())
    assert f"server {addresses['webhooks-2']}:8010 max_fails=0;" in made
    assert f"server {addresses['web-2']}:8000 max_fails=0;" in made
    assert not re.search(r"127\.0\.0\.1|/var/log", made)
    assert OURS["web-1"]["environment"]["TRUSTED_PROXIES"] == SERVICES["front"]["networks"]["web"]["ipv4_address"]
