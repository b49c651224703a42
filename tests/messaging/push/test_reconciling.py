"""After an installation or an update the portal has our tabs again, without anybody opening the installer."""

from b24app.messaging.maintenance import requests, runner
from b24app.portals import application_events
from b24app.portals.models import Portal
from b24app.sandbox import Portal as SandboxPortal


def bound(alpha: SandboxPortal) -> int:
    return len([call for call in alpha.rest_log if call.method == "placement.bind"])


def test_the_tabs_are_bound_once_and_again_after_an_update(alpha: SandboxPortal, live: Portal) -> None:
    alpha.placements.clear()
    for _ in range(2):
        requests.request_check(live.pk)
        runner.run_due_jobs(live.pk)
    assert bound(alpha) == 14
    assert len(alpha.placements) == 14

    alpha.placements.clear()
    live.refresh_from_db()
    token = alpha.issue_token(1)
    auth = {
        "member_id": alpha.member_id,
        "access_token": token.access,
        "refresh_token": token.refresh,
        "server_endpoint": alpha.world.server_endpoint,
    }
    change = application_events.handle_event(live, "ONAPPUPDATE", {"data": {"VERSION": "2"}, "auth": auth})
    assert change.wants_check
    requests.request_check(live.pk)
    runner.run_due_jobs(live.pk)
    assert bound(alpha) == 28
    assert len(alpha.placements) == 14
