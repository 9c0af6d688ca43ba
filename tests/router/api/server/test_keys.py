"""``/v1/keys``: the operator manages keys over HTTP."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from router.jobs.limits import Priority, UserLimits
from router.keys.store import KeyStore
from shared.settings import ServerSettings
from tests.support.router.client import app_of
from tests.support.router.fake_broker import MODEL, FakeBroker

LOCAL, REMOTE = ("127.0.0.1", 50000), ("192.168.1.7", 50000)
ANNA = {"name": "anna", "max_running": 4, "max_queued": 20}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.sqlite3"


@pytest.fixture
def broker(file: Path) -> FakeBroker:
    return FakeBroker(settings=ServerSettings(models=(MODEL,), run_folder="", key_file=str(file)))


def ask(
    broker: FakeBroker,
    method: str,
    path: str,
    body: Any = None,
    key: str = "",
    client: tuple[str, int] = LOCAL,
    headers: dict[str, str] | None = None,
) -> httpx.Response:
    async def go() -> httpx.Response:
        transport = httpx.ASGITransport(app=app_of(broker), client=client)
        sent = {**(headers or {}), **({"Authorization": f"Bearer {key}"} if key else {})}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as http:
            return await http.request(method, path, json=body, headers=sent)

    return asyncio.run(go())


def names(broker: FakeBroker, key: str, query: str = "") -> list[str]:
    return [one["name"] for one in ask(broker, "GET", f"/v1/keys{query}", key=key).json()["data"]]


def create(broker: FakeBroker, name: str, key: str = "", **fields: Any) -> str:
    answer = ask(broker, "POST", "/v1/keys", {"name": name, **fields}, key)
    assert answer.status_code == 200, answer.text
    created: str = answer.json()["key"]
    return created


def test_a_key_is_shown_when_it_is_created_and_never_again(broker: FakeBroker) -> None:
    answer = ask(broker, "POST", "/v1/keys", {**ANNA, "priority": "batch", "admin": True})
    created = answer.json()
    key, made = created.pop("key"), {"id": created["id"], "created": created["created"]}
    assert created == {
        "object": "key",
        **made,
        **ANNA,
        "priority": "batch",
        "models": None,
        "tokens_per_day": None,
        "admin": True,
        "revoked": None,
    }
    assert key.startswith(f"nexa-{created['id']}-")
    assert answer.headers["cache-control"] == "no-store"
    listed = ask(broker, "GET", "/v1/keys", key=key)
    assert listed.json() == {"object": "list", "data": [created]}
    assert key not in listed.text


def test_a_created_key_counts_at_once_and_from_then_on_keys_are_needed(broker: FakeBroker) -> None:
    key = create(broker, "boss", admin=True)
    assert ask(broker, "GET", "/v1/models", client=REMOTE).status_code == 401
    assert ask(broker, "GET", "/v1/models", key=key, client=REMOTE).status_code == 200


def test_it_is_the_same_file_as_that_of_the_command(broker: FakeBroker, file: Path) -> None:
    boss = create(broker, "boss", admin=True)
    store = KeyStore.open(file)
    active, revoked = store.keys(), store.keys(revoked=True)
    assert ([key.name for key in active], revoked) == (["boss"], [])
    store.create("anna", UserLimits(4, 20))
    assert names(broker, boss) == ["boss", "anna"]
    ask(broker, "DELETE", "/v1/keys/anna", key=boss)
    assert [key.name for key in store.keys(revoked=True)] == ["anna"]
    store.close()


def test_a_revoked_key_counts_no_longer(broker: FakeBroker) -> None:
    boss, anna = create(broker, "boss", admin=True), ""
    anna = create(broker, "anna", boss)
    assert ask(broker, "GET", "/v1/models", key=anna).status_code == 200
    answer = ask(broker, "DELETE", "/v1/keys/anna", key=boss)
    assert (answer.status_code, answer.json()) == (200, {"object": "key.revoked", "name": "anna"})
    assert ask(broker, "GET", "/v1/models", key=anna).status_code == 401
    assert (names(broker, boss), names(broker, boss, "?revoked=true")) == (["boss"], ["anna"])


def test_other_limits_count_from_the_next_request_on(broker: FakeBroker) -> None:
    boss = create(broker, "boss", admin=True)
    anna = create(broker, "anna", boss, max_running=4, max_queued=20, priority="batch")
    changed = ask(broker, "PUT", "/v1/keys", {"name": "anna", "max_running": 2}, boss).json()
    assert (changed["max_running"], changed["max_queued"], changed["priority"]) == (2, None, "interactive")
    limits = ask(broker, "GET", "/v1/server", key=anna).json()["limits"]
    assert (limits["max_running"], limits["max_queued"]) == (2, 256)


def test_models_and_tokens_are_limits_like_the_others(broker: FakeBroker) -> None:
    boss = create(broker, "boss", admin=True)
    anna = create(broker, "anna", boss, models=["smol", "other", "smol"], tokens_per_day=1000)
    own = ask(broker, "GET", "/v1/key", key=anna).json()
    assert (own["models"], own["tokens_per_day"]) == (["smol", "other"], 1000)
    changed = ask(broker, "PUT", "/v1/keys", {"name": "anna", "tokens_per_day": 5}, boss).json()
    assert (changed["models"], changed["tokens_per_day"]) == (None, 5)


def test_who_is_an_administrator_changes_only_if_it_is_said(broker: FakeBroker) -> None:
    boss = create(broker, "boss", admin=True)
    create(broker, "anna", boss, admin=True)
    assert ask(broker, "PUT", "/v1/keys", {"name": "anna", "max_running": 1}, boss).json()["admin"] is True
    assert ask(broker, "PUT", "/v1/keys", {"name": "anna", "admin": False}, boss).json()["admin"] is False


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "name is required"),
        ({"name": "a b"}, "name: expected 1 to 64 letters, digits"),
        ({"name": "10.0.0.1"}, "name: expected 1 to 64 letters, digits"),
        ({"name": "x" * 65}, "name: expected 1 to 64 letters, digits"),
        ({"name": "a", "max_running": 0}, "max_running: expected"),
        ({"name": "a", "tokens_per_day": 0}, "tokens_per_day: expected"),
        ({"name": "a", "models": []}, "models: expected 1 to 100 names of models, got 0"),
        ({"name": "a", "models": ["a,b"]}, "models: expected names of models, of 1 to 256 characters"),
        ({"name": "a", "max_queued": -1}, "max_queued: expected"),
        ({"name": "a", "max_running": 10**9}, "max_running: expected"),
        ({"name": "a", "max_running": True}, "max_running: expected"),
        ({"name": "a", "priority": "urgent"}, "priority: expected"),
        ({"name": "a", "admin": "yes"}, "admin: expected"),
    ],
)
def test_a_wrong_field_is_named(broker: FakeBroker, body: Any, message: str) -> None:
    answer = ask(broker, "POST", "/v1/keys", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith(message)


def test_a_name_has_one_key(broker: FakeBroker) -> None:
    boss = create(broker, "boss", admin=True)
    answer = ask(broker, "POST", "/v1/keys", {"name": "boss"}, boss)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "key_exists")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v1/keys/bob"), ("PUT", "/v1/keys")])
def test_an_unknown_name_is_answered_with_those_there_are(broker: FakeBroker, method: str, path: str) -> None:
    boss = create(broker, "boss", admin=True)
    answer = ask(broker, method, path, {"name": "bob"} if method == "PUT" else None, boss)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "key_not_found")
    assert answer.json()["error"]["message"] == "name: expected the name of an active key (boss), got bob"


ALL = [
    ("GET", "/v1/keys", None),
    ("POST", "/v1/keys", {"name": "mallory", "admin": True}),
    ("PUT", "/v1/keys", {"name": "boss"}),
    ("DELETE", "/v1/keys/boss", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ALL)
def test_only_the_operator_manages_keys(broker: FakeBroker, method: str, path: str, body: Any) -> None:
    boss = create(broker, "boss", admin=True)
    anna = create(broker, "anna", boss)
    assert ask(broker, method, path, body).status_code == 401
    refused = ask(broker, method, path, body, anna)
    assert refused.status_code == 403
    assert refused.json()["error"]["message"] == "only the operator may manage keys: expected an administrator's key"
    assert names(broker, boss) == ["boss", "anna"]


@pytest.mark.parametrize(("method", "path", "body"), ALL)
def test_without_keys_callers_elsewhere_may_not(broker: FakeBroker, method: str, path: str, body: Any) -> None:
    assert ask(broker, method, path, body, client=REMOTE).status_code == 403


@pytest.mark.parametrize(("method", "path", "body"), ALL)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:3000"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example:8000"},
        {"Host": "evil.example:8000", "Origin": "http://evil.example:8000"},
    ],
)
def test_pages_of_others_may_not_even_look(
    broker: FakeBroker, method: str, path: str, body: Any, headers: dict[str, str]
) -> None:
    """A page that reads sends no ``Origin`` if its name was made to mean this machine: only ``Host`` tells."""
    assert ask(broker, method, path, body, headers=headers).status_code == 403


def test_a_page_of_this_server_may(broker: FakeBroker) -> None:
    own = {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-origin"}
    assert ask(broker, "POST", "/v1/keys", ANNA, headers=own).status_code == 200


def test_with_the_admin_socket_keys_can_be_seen_and_not_changed(file: Path) -> None:
    settings = ServerSettings(models=(MODEL,), run_folder="", key_file=str(file), admin_socket=True)
    broker = FakeBroker(settings=settings)
    assert ask(broker, "GET", "/v1/keys").status_code == 200
    for method, path, body in ALL[1:]:
        refused = ask(broker, method, path, body)
        assert refused.status_code == 403
        assert "(--admin-socket): nexa key does it" in refused.json()["error"]["message"]


def test_everyone_may_see_the_own_key(broker: FakeBroker) -> None:
    boss = create(broker, "boss", admin=True)
    anna = create(broker, "anna", boss, max_running=4)
    own = ask(broker, "GET", "/v1/key", key=anna, client=REMOTE).json()
    assert (own["name"], own["max_running"], own["admin"]) == ("anna", 4, False)


def test_who_has_no_key_of_their_own_is_told_so(broker: FakeBroker) -> None:
    answer = ask(broker, "GET", "/v1/key")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "key_not_found")


def test_a_key_file_that_is_gone_is_told_and_logged(
    broker: FakeBroker, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app_of(broker)
    file.unlink()
    answer = ask(broker, "GET", "/v1/keys")
    assert answer.status_code == 503
    assert answer.json()["error"]["message"] == "the key file cannot be used; the server's log has the reason"
    assert str(file) in caplog.text


def test_what_was_done_is_logged_with_who_did_it_and_without_the_key(
    broker: FakeBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nexa.auth")
    key = create(broker, "boss", admin=True)
    (record,) = (record for record in caplog.records if record.message == "key created")
    assert (vars(record)["key"], vars(record)["by"]) == ("boss", "127.0.0.1")
    assert not any(key in str(vars(record)) for record in caplog.records)


def test_the_store_changes_limits_of_active_keys_only(file: Path) -> None:
    store = KeyStore.open(file)
    store.create("anna")
    store.change("anna", UserLimits(1, 2, Priority.BATCH), admin=True)
    (anna,) = store.keys()
    assert (anna.limits, anna.admin) == (UserLimits(1, 2, Priority.BATCH), True)
    store.revoke("anna")
    with pytest.raises(Exception, match="name: expected the name of an active key"):
        store.change("anna", UserLimits())
    store.close()
