"""Those who try keys are slowed, those with a right one are not."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from router.keys import wrong_keys as module
from router.keys.wrong_keys import MAX_WRONG_KEYS, WrongKeys
from router.schemas.errors import ApiError
from tests.support.router.client import http_client
from tests.support.router.fake_broker import FakeBroker

REFUSAL = ApiError(401, "wrong")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DELAY_S", 0.001)


def test_after_some_wrong_keys_the_answer_is_429_and_a_right_key_works() -> None:
    broker = FakeBroker()
    broker.settings = broker.settings.model_copy(update={"api_key": "right"})

    async def go() -> list[httpx.Response]:
        async with http_client(broker) as http:
            keys = ["wrong"] * (MAX_WRONG_KEYS + 1) + ["right", ""]
            return [await http.get("/v1/models", headers={"Authorization": f"Bearer {key}"}) for key in keys]

    answers = asyncio.run(go())
    assert [answer.status_code for answer in answers] == [401] * MAX_WRONG_KEYS + [429, 200, 401]
    late = answers[MAX_WRONG_KEYS]
    assert late.json()["error"]["message"] == (
        "Authorization: expected at most 10 wrong keys per 60 s from one address, got more"
    )
    assert late.headers["Retry-After"] == "60"


def test_addresses_are_counted_apart_and_forgotten_in_time() -> None:
    now_s = 0.0
    wrong_keys = WrongKeys(lambda: now_s)

    def send(network: str) -> int:
        async def go() -> int:
            return (await wrong_keys.refuse(network, REFUSAL)).status

        return asyncio.run(go())

    for _ in range(MAX_WRONG_KEYS):
        assert send("192.0.2.1") == 401
    assert send("192.0.2.1") == 429
    assert send("192.0.2.2") == 401
    now_s = module.WITHIN_S + 1
    assert send("192.0.2.1") == 401


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ADDRESSES", 3)
    wrong_keys = WrongKeys()

    async def go() -> None:
        for number in range(10):
            await wrong_keys.refuse(f"192.0.2.{number}", REFUSAL)

    asyncio.run(go())
    assert len(wrong_keys._sent_at_s) == 3
