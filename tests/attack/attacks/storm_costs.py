"""What the storm cost: questions to the OAuth server, refreshes, rows, and how long healthy portals waited."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from b24app.operations.local import visitor
from tests.attack.attacks.storm_portals import Boxes, Healthy
from tests.attack.scene import Outcome, Scene
from tests.attack.statuses import told

DAY = 24.0  # hours that pass over the boxes while the storm lasts
TOLD_WITHIN = 15.0  # seconds, while it is found out which portals are off
# What strangers may cost, at once and a minute more: questions to the OAuth server, and rows that wait.
ASKED, ASKED_A_MINUTE = 120, 150
EVENT_ROWS, EVENT_ROWS_A_MINUTE = 60, 30
REFRESHES_A_DAY = 24  # of one token: it lives an hour
COUNTED = {
    "portals": "SELECT count(*) FROM portals_portal",
    "records": "SELECT count(*) FROM journal_exchange WHERE portal_id IS NULL",
}
WAITING = "SELECT count(*) FROM messaging_appevent WHERE generation IS NULL"


@dataclass
class Costs:
    """Counts from `begin` to `judge`."""

    scene: Scene
    boxes: Boxes
    healthy: Sequence[Healthy]
    began: float = 0.0  # unix seconds
    before: Mapping[str, int] = field(default_factory=dict)
    most_events: int = 0

    def begin(self) -> None:
        """Note how everything is."""
        self.before = self._rows()
        self.began = time.time()

    def count_events(self) -> None:
        """Look how many events of strangers wait."""
        self.most_events = max(self.most_events, int(self.scene.beta.sql(WAITING)[0][0]))

    def judge(self, seen: Mapping[str, Counter[str]]) -> Outcome:
        """Return what it cost in figures, and what was too much."""
        ended = time.time()
        minutes = (ended - self.began) / 60
        log = [one for one in self._oauth_log() if self.began <= one["at"] <= ended]
        strangers = sum(one["outcome"] == "invalid_client" for one in log)
        refreshed = Counter(
            (one["portal"], one["user_id"]) for one in log if (one["kind"], one["outcome"]) == ("refresh_token", "ok")
        )
        off = [count for (portal, _user), count in refreshed.items() if portal.startswith("box-")]
        new = {name: count - self.before[name] for name, count in self._rows().items()}
        times = [told(one.house, self.began, ended - TOLD_WITHIN) for one in self.healthy]
        facts: dict[str, Any] = {name: dict(sorted(counts.items())) for name, counts in seen.items()}
        facts |= {
            "hours that passed over the boxes": DAY,
            "refreshes of the boxes' tokens, most of one, all": [max(off, default=0), sum(off)],
            "most refreshes of any token": max(refreshed.values(), default=0),
            "tries at the boxes, each on average": round(self.boxes.tries() / len(self.boxes.ids), 1),
            "questions about strangers": strangers,
            "new rows": new,
            "events of strangers that waited, most": self.most_events,
            "healthy portals, statuses told, p50, p99 in s": [
                (one.count, round(one.p50, 2), round(one.p99, 2)) for one in times
            ],
        }
        events = EVENT_ROWS + EVENT_ROWS_A_MINUTE * minutes
        said = [f"{new['portals']} portals of strangers have a row"] * (new["portals"] > 0)
        said += [f"{strangers} questions about strangers"] * (strangers > ASKED + ASKED_A_MINUTE * minutes)
        said += [f"{self.most_events} events of strangers waited"] * (self.most_events > events)
        said += [f"{new['records']} exchanges of strangers were recorded"] * (new["records"] > events)
        said += [f"a token was refreshed {most} times a day" for most in off if most > REFRESHES_A_DAY]
        late = [one for one in times if one.bad or one.p99 > TOLD_WITHIN]
        said += [f"a healthy portal: {one.bad} statuses untold, {one.count} told in {one.p99:.1f} s" for one in late]
        return Outcome(facts, said)

    def _rows(self) -> dict[str, int]:
        return {name: int(self.scene.beta.sql(query)[0][0]) for name, query in COUNTED.items()}

    def _oauth_log(self) -> list[dict[str, Any]]:
        page = visitor.fetch_page("GET", urljoin(self.scene.alpha.run.portal, "/_/oauth_log"))
        found: list[dict[str, Any]] = page.expect_status(200).json()["oauth_log"]
        return found
