"""The same seed makes the same day, and a long one has enough of everything."""

from tests.chaos import schedule

SERVICES = ("twilio", "gateway", "demo")


def test_the_same_seed_makes_the_same_day() -> None:
    assert schedule.faults(7, 1800, brief=False) == schedule.faults(7, 1800, brief=False)
    assert schedule.plan_messages(7, 60, SERVICES, 3.0) == schedule.plan_messages(7, 60, SERVICES, 3.0)
    assert schedule.faults(7, 1800, brief=False) != schedule.faults(8, 1800, brief=False)


def test_half_an_hour_has_every_kind_more_than_once() -> None:
    for seed in range(20):
        faults = schedule.faults(seed, 1800, brief=False)
        kinds = [fault.kind for fault in faults]
        assert len(faults) >= 150
        assert min(kinds.count(kind) for kind in schedule.KINDS) >= 4


def test_the_short_form_has_at_least_twelve_faults_of_eight_kinds() -> None:
    for seed in range(20):
        faults = schedule.faults(seed, 20, brief=True)
        assert len(faults) >= 12
        assert len({fault.kind for fault in faults}) >= 8
        assert all(fault.seconds <= 3 for fault in faults)


def test_texts_are_unique_and_the_rate_is_about_what_was_asked() -> None:
    messages = schedule.plan_messages(1, 600, SERVICES, 3.0)
    assert len({one.text for one in messages}) == len(messages)
    assert 1500 < len(messages) < 2200
    assert all(one.to[-2:] not in {"96", "98", "99"} for one in messages if SERVICES[one.line] == "demo")
