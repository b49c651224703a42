"""What the REST log keeps of each exchange with a portal, in both directions."""

from collections.abc import Callable

import pytest

from b24app.exchange_log import lookup
from b24app.exchange_log.models import Exchange
from b24app.portals.errors import NotNow, PortalRefused
from b24app.portals.models import Portal
from b24app.portals.rest import exchange_records
from b24app.portals.rest.client import BatchCommand, PortalClient
from b24app.portals.rest.visitor_batch import call_visitor_batch
from b24app.sandbox import Portal as There

LIST = "messageservice.sender.list"
UPDATE = "messageservice.message.status.update"
Force = Callable[..., None]


def latest(portal: Portal) -> Exchange:
    return Exchange.objects.filter(portal_id=portal.pk).latest("pk")


def status(message: int, number: str) -> BatchCommand:
    return BatchCommand(UPDATE, {"CODE": "front", "MESSAGE_ID": number, "STATUS": "sent"}, message=message)


def test_a_call_is_named_by_its_method(portal: Portal) -> None:
    PortalClient(portal).call(LIST)
    assert (latest(portal).name, latest(portal).messages, latest(portal).commands) == (LIST, None, None)


def test_a_call_about_a_message_is_found_by_it(portal: Portal) -> None:
    PortalClient(portal, message=17).call(LIST)
    assert latest(portal).message_id == 17


def test_a_batch_of_one_method_has_its_name_and_each_command_with_its_message(portal: Portal, alpha: There) -> None:
    PortalClient(portal).batch([status(22, "b"), status(11, "a")])
    kept = latest(portal)
    assert (kept.name, kept.path, kept.status) == (UPDATE, "/rest/batch.json", 200)
    assert kept.messages == [11, 22]
    assert kept.commands == [
        {"method": UPDATE, "notes": "CODE=front MESSAGE_ID=b STATUS=sent", "message": 22, "error": kept.error},
        {"method": UPDATE, "notes": "CODE=front MESSAGE_ID=a STATUS=sent", "message": 11, "error": kept.error},
    ]


def test_a_batch_with_a_failed_command_is_an_error_that_says_which(portal: Portal, forced: Force) -> None:
    forced("ERROR_SENDER_VALIDATION_FAILURE", method=LIST)
    PortalClient(portal).batch([BatchCommand("app.info"), BatchCommand(LIST)])
    kept = latest(portal)
    assert (kept.name, kept.error) == ("batch", "ERROR_SENDER_VALIDATION_FAILURE")
    assert [(one["method"], one["error"]) for one in kept.commands or []] == [
        ("app.info", ""),
        (LIST, "ERROR_SENDER_VALIDATION_FAILURE"),
    ]
    assert kept.messages is None


def test_a_code_that_is_a_secret_is_struck_wherever_it_is_kept(portal: Portal, forced: Force) -> None:
    secret = "0123456789ABCDEF0123456789ABCDEF"
    forced(secret, method=LIST)
    PortalClient(portal).batch([BatchCommand("app.info"), BatchCommand(LIST)])
    assert (latest(portal).response, latest(portal).error) == ("ok=1 …=1", "…")
    assert secret not in repr(list(Exchange.objects.values()))


def test_a_batch_that_failed_as_a_whole_is_found_by_its_messages(portal: Portal, alpha: There) -> None:
    alpha.switches.set("unavailable", True)
    with pytest.raises(NotNow):
        PortalClient(portal).batch([status(11, "a")])
    kept = latest(portal)
    assert (kept.messages, kept.status, bool(kept.error)) == ([11], 503, True)
    assert [one["error"] for one in kept.commands or []] == [""]


def test_a_visitors_batch_is_named_too(portal: Portal, alpha: There) -> None:
    call_visitor_batch(portal, alpha.issue_token(1).access, [("app.info", {}), ("app.info", {})])
    assert latest(portal).name == "app.info"


def test_words_of_a_portal_that_postgresql_cannot_store_are_recorded_all_the_same(
    portal: Portal, forced: Force
) -> None:
    forced("ERROR_ARGUMENT", "wrong \ud800 or \0", method="app.info")
    with pytest.raises(PortalRefused):
        PortalClient(portal).call("app.info")
    assert latest(portal).error == "ERROR_ARGUMENT: wrong \ufffd or \ufffd"


@pytest.mark.parametrize(
    ("event", "name"),
    [
        ("ONAPPINSTALL", "ONAPPINSTALL"),
        ("OnImBotV2MessageAdd", "OnImBotV2MessageAdd"),
        ("ONCRMDYNAMICITEMADD_128", "ONCRMDYNAMICITEMADD_128"),
        ("+12025550147", "unknown"),
        ("N12025550147", "unknown"),
        ("ab0123456789abcdef0123456789abcdef", "unknown"),
        ("Your order is ready.", "unknown"),
        ("", "unknown"),
        ("N" * 101, "unknown"),
    ],
)
def test_an_events_name_is_no_place_for_a_number_a_secret_or_a_text(portal: Portal, event: str, name: str) -> None:
    exchange_records.record_event(portal, event, "")
    assert (latest(portal).name, latest(portal).path) == (name, name)


def test_the_names_are_those_of_exchanges_with_bitrix24(portal: Portal) -> None:
    PortalClient(portal).call(LIST)
    PortalClient(portal).call(LIST)
    exchange_records.record_event(portal, "ONAPPPAYMENT", "")
    exchange_records.record_launch(portal, "/app/", {}, 200, 5, "")
    Exchange.objects.create(
        at=latest(portal).at, portal_id=portal.pk, peer="twilio", method="POST", host="h", path="/", name="strange"
    )
    names = lookup.names_of(portal.pk)
    assert {"/app/", "ONAPPPAYMENT", LIST} <= set(names)
    assert names == sorted(set(names) - {"strange"})
    assert lookup.names_of(portal.pk + 1) == []
