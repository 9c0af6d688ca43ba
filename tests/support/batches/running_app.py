"""The application with its background tasks, in the test's own event loop; batches run in it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from router.app import create_app
from router.batches.runner import BatchRunner
from router.files.keeper import FileKeeper
from shared.settings import ServerSettings
from tests.support.router.fake_broker import MODEL, FakeBroker

PATIENCE_S = 20.0
ENDED = ("completed", "failed", "expired", "cancelled")


def settings_in(folder: Path, **settings: Any) -> ServerSettings:
    """Settings of an application that keeps its files in ``folder``."""
    return ServerSettings(models=(MODEL,), run_folder="", state_folder=str(folder), **settings)


def broker_in(folder: Path, **settings: Any) -> FakeBroker:
    """A broker with such settings."""
    return FakeBroker(settings_in(folder, **settings))


def bearer(key: str) -> dict[str, Any]:
    """What a request with this API key has."""
    return {"headers": {"Authorization": f"Bearer {key}"}}


def chat_line(custom_id: str, text: str = "Hi", **body: Any) -> dict[str, Any]:
    """A line of an input file."""
    messages = [{"role": "user", "content": text}]
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"messages": messages, **body},
    }


def jsonl(lines: Sequence[Any]) -> bytes:
    """An input file."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@dataclass
class RunningApp:
    """An application that runs, and a client of it."""

    client: httpx.AsyncClient
    keeper: FileKeeper
    runner: BatchRunner

    async def upload(self, content: bytes, purpose: str = "batch", **request: Any) -> httpx.Response:
        """The response to an upload."""
        files = {"file": ("input.jsonl", content)}
        return await self.client.post("/v1/files", files=files, data={"purpose": purpose}, **request)

    async def begin(self, lines: Sequence[Any], endpoint: str = "/v1/chat/completions", **request: Any) -> str:
        """The id of a new batch with these lines."""
        file_id = (await self.upload(jsonl(lines), **request)).json()["id"]
        body = {"input_file_id": file_id, "endpoint": endpoint, "completion_window": "24h"}
        answer = await self.client.post("/v1/batches", json=body, **request)
        assert answer.status_code == 200, answer.text
        batch_id: str = answer.json()["id"]
        return batch_id

    async def show(self, batch_id: str, **request: Any) -> dict[str, Any]:
        """The batch as it is now."""
        batch: dict[str, Any] = (await self.client.get(f"/v1/batches/{batch_id}", **request)).json()
        return batch

    async def ended(self, batch_id: str, **request: Any) -> dict[str, Any]:
        """The batch once it has ended."""

        async def check() -> dict[str, Any] | None:
            batch = await self.show(batch_id, **request)
            return batch if batch["status"] in ENDED else None

        batch: dict[str, Any] = await until(check)
        return batch

    async def lines(self, file_id: str | None, **request: Any) -> list[dict[str, Any]]:
        """The lines of an output file; none without one."""
        if file_id is None:
            return []
        content = await self.client.get(f"/v1/files/{file_id}/content", **request)
        assert content.status_code == 200
        return [json.loads(line) for line in content.text.splitlines()]


@asynccontextmanager
async def running_app(broker: FakeBroker) -> AsyncIterator[RunningApp]:
    """Start a new application; on exit it stops, as a router does."""
    app = create_app(broker)
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://nexa") as client,
    ):
        yield RunningApp(client, app.state.file_keeper, app.state.batch_runner)


async def until(condition: Callable[[], Awaitable[Any] | Any]) -> Any:
    """What ``condition`` returns once that is true."""
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        found = condition()
        value = await found if asyncio.iscoroutine(found) else found
        if value:
            return value
        assert time.monotonic() < deadline_s, "waited in vain"
        await asyncio.sleep(0.005)
