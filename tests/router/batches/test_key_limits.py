"""Lines of batches within their key's limits: they wait for more tokens, and get no model that is not the key's."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import pytest

import router.batches.lines
from router.jobs.limits import UserLimits
from router.keys.store import KeyStore
from router.keys.usage import Usage, UsageBucket, UsageStore
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from tests.support.batches.running_app import bearer, chat_line, running_app, until
from tests.support.router.fake_broker import MODEL, FakeBroker

OTHER = ModelSettings(name="other", kinds=(JobKind.TEXT,), engine="echo", path="")


def broker_with(folder: Path, limits: UserLimits) -> tuple[FakeBroker, KeyStore, dict[str, Any]]:
    """A broker of two models, the store of its keys, and what a request with anna's key has."""
    file = folder / "keys.sqlite3"
    store = KeyStore.open(file)
    key = store.create("anna", limits)
    settings = ServerSettings(models=(OTHER, MODEL), run_folder="", state_folder=str(folder), key_file=str(file))
    return FakeBroker(settings), store, bearer(key)


def test_lines_wait_until_their_key_has_tokens_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "nexa.request")
    monkeypatch.setattr(router.batches.lines, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(router.batches.lines, "MAX_PAUSE_S", 0.01)
    broker, store, anna = broker_with(tmp_path, UserLimits(tokens_per_day=50))
    usage = UsageStore.open(tmp_path / "keys.sqlite3")
    usage.add({UsageBucket(datetime.datetime.now(datetime.UTC).date(), "anna", "m"): Usage(1, 50)})
    usage.close()

    async def go() -> None:
        async with running_app(broker) as app:
            batch_id = await app.begin([chat_line(f"r{number}") for number in range(4)], **anna)
            await until(lambda: [getattr(line, "status", 0) for line in caplog.records].count(429) > 4)
            assert (await app.show(batch_id, **anna))["status"] == "in_progress"
            store.change("anna", UserLimits(tokens_per_day=5000))
            batch = await app.ended(batch_id, **anna)
            assert batch["request_counts"] == {"total": 4, "completed": 4, "failed": 0}

    asyncio.run(go())
    store.close()


def test_a_line_for_a_model_that_is_not_the_keys_fails(tmp_path: Path) -> None:
    broker, store, anna = broker_with(tmp_path, UserLimits(models=("smol",)))
    store.close()

    async def go() -> None:
        async with running_app(broker) as app:
            lines = [chat_line("none"), chat_line("own", model="SMOL"), chat_line("other", model="other")]
            batch = await app.ended(await app.begin(lines, **anna), **anna)
            assert batch["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
            (error,) = await app.lines(batch["error_file_id"], **anna)
            assert (error["custom_id"], error["response"]["status_code"]) == ("other", 403)
            assert error["response"]["body"]["error"]["code"] == "model_not_allowed"

    asyncio.run(go())
    assert {job.request.model for job in broker.jobs} == {"smol"}
