"""docs/operations.md has the figures of the code, and says of each migration what taking it back deletes."""

import re
from pathlib import Path

import yaml

from b24app.operations.doctor import pools
from tests.system.checkout import ROOT
from tests.system.procfile import LINES

PAGE = (ROOT / "docs" / "operations.md").read_text()
REPLAYING = MONITORING = LARGE_BODIES = DISPATCHING = SWEEPING = MAIN = 1  # threads of their own
RESERVED = 4  # python -m b24app.server's default
OF_1_0_0 = {"console": 1, "journal": 2, "messaging": 13, "portals": 9}


def figure(name: str, option: str, otherwise: int = 0) -> int:
    found = re.search(rf"{option} (\d+)", LINES[name])
    return int(found[1]) if found else otherwise


def connections() -> dict[str, int]:
    """Return how many connections each line of the Procfile may open."""
    return {"build": 0, "release": 1, **pools.OF_PROCESS}


def test_the_doctor_counts_the_threads_of_the_procfile() -> None:
    serving = {name: figure(name, "--threads") + figure(name, "--reserved", RESERVED) for name in ("web", "webhooks")}
    beside = REPLAYING + MONITORING
    working = DISPATCHING + SWEEPING + MAIN + beside
    assert {
        **{name: threads + LARGE_BODIES + beside for name, threads in serving.items()},
        **{name: figure(name, "-c") + working for name in ("worker", "pusher")},
    } == {name: pools.OF_PROCESS[name] for name in ("web", "webhooks", "worker", "pusher")}


def test_each_process_is_described_with_its_connections() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (\d+) \|$", PAGE, re.M))
    assert {name: int(count) for name, count in rows.items()} == connections()
    assert rows.keys() == LINES.keys()


def test_the_connections_of_compose_fit_into_its_database() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    running = [
        service["command"][0]
        for service in services.values()
        for _ in range(service.get("deploy", {}).get("replicas", 1))
        if service["image"].startswith("sendline:")
    ]
    [most] = re.findall(r"max_connections=(\d+)", " ".join(services["postgres"]["command"]))
    needed = sum(connections()[name] for name in running)
    assert needed + max(connections().values()) + 10 < int(most)


def test_of_each_migration_it_is_said_what_taking_it_back_deletes() -> None:
    said = {(app, int(number)) for app, number in re.findall(r"^\| (\w+) (\d{4}) \| \S", PAGE, re.M)}
    labels = {"exchange_log": "journal"}
    files = [path.relative_to(ROOT / "b24app") for path in ROOT.glob("b24app/*/migrations/[0-9]*.py")]
    known = {(labels.get(path.parts[0], path.parts[0]), int(path.name[:4])) for path in files}
    assert {(app, number) for app, number in known if number > OF_1_0_0.get(app, 0)} - said == set()


def test_files_that_it_names_are_there() -> None:
    for name in re.findall(r"(?:cp|cp -r) (docs/\S+)", PAGE):
        assert Path(ROOT / name).exists(), name
    units = set(re.findall(r"for unit in ([^;]+);", PAGE)[0].split())
    wanted = re.findall(r"sendline-(\w+@\d)\.service", (ROOT / "docs/systemd/sendline.target").read_text())
    assert units == set(wanted)
