"""user.get of the sandbox: who may ask, the filter, and pages, in the words of the documentation."""

import pytest

from b24app.sandbox import Portal
from b24app.sandbox.state import User
from tests.sandbox.clients import Rest


def ids(body: dict[str, object]) -> list[int]:
    return [int(one["ID"]) for one in body["result"]]  # type: ignore[attr-defined]


def test_users_are_listed_with_their_names(rest: Rest) -> None:
    status, body = rest("user.get")
    assert (status, ids(body), body["total"]) == (200, [1, 2, 7], 3)
    assert "next" not in body
    alice = {"ID": "1", "NAME": "Alice", "LAST_NAME": "Adams", "ACTIVE": True, "USER_TYPE": "employee"}
    assert body["result"][0] == alice


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"FILTER": {"ID": [7, 1, 99]}}, [1, 7]),
        ({"filter": {"id": ["7"]}}, [7]),
        ({"ID": 2}, [2]),
        ({"FILTER": {"ID": [99]}, "ADMIN_MODE": True}, []),
        ({"ID": 2, "FILTER": {"ID": 7}}, [7]),
    ],
)
def test_they_are_filtered_by_id(rest: Rest, asked: dict[str, object], found: list[int]) -> None:
    assert ids(rest("user.get", **asked)[1]) == found


def test_the_dismissed_are_there_and_the_system_user_is_not(rest: Rest, alpha: Portal) -> None:
    alpha.set_user(7, active=False)
    alpha.state.users[90] = User(90, "Sendline", "", system=True)
    body = rest("user.get")[1]
    assert ids(body) == [1, 2, 7]
    assert body["result"][2]["ACTIVE"] is False


def test_a_long_list_comes_in_pages(rest: Rest, alpha: Portal) -> None:
    alpha.state.users |= {one: User(one, "Number", str(one)) for one in range(100, 200)}
    pages = [rest("user.get", start=start)[1] for start in (0, 50, 100, 150)]
    assert [len(page["result"]) for page in pages] == [50, 50, 3, 0]
    assert [page.get("next") for page in pages] == [50, 100, None, None]
    assert {page["total"] for page in pages} == {103}


def test_pages_in_a_batch_are_told_beside_the_results(rest: Rest, alpha: Portal) -> None:
    alpha.state.users |= {one: User(one, "Number", str(one)) for one in range(100, 200)}
    cmd = {"all": "user.get", "one": "user.get?FILTER[ID][0]=7", "who": "profile"}
    result = rest("batch", cmd=cmd)[1]["result"]
    assert (result["result_total"], result["result_next"]) == ({"all": 103, "one": 1}, {"all": 50})
    assert ids({"result": result["result"]["one"]}) == [7]


@pytest.mark.parametrize("scope", ["user_brief", "user_basic", "user"])
def test_one_of_three_permissions_is_needed(rest: Rest, bob: Rest, alpha: Portal, scope: str) -> None:
    alpha.state.app.scope = ["messageservice"]
    refusal = (403, "insufficient_scope", "The request requires higher privileges than provided by the access token")
    assert (rest.error("user.get"), rest.error("user.current")) == (refusal, refusal)
    alpha.state.app.scope = ["messageservice", scope]
    assert rest("user.get")[0] == 200
    assert bob("user.get", FILTER={"ID": [1]})[0] == 200
