"""Harm to files: models that vanish and come back, models that are cut short, a damaged note of their memory."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import aiohttp

from scripts.chaos.faults.injection import Kinds
from scripts.chaos.record import Record
from scripts.chaos.server import ChaosServer
from scripts.chaos.swaps.harm import Harm, Span
from shared.memory.measured import FILE_NAME

CUT_BYTES = (0, 20, 4_000, 1_500_000, 60_000_000)
SEEN_S = 8.0
DAMAGE = (
    b"",
    b"{",
    b"\xff\xfe\x00garbage" * 100,
    b"[1, 2, 3]",
    b'{"a": {"host_bytes": -1}, "b": 7, "c": {"load_s": 1e999}}',
    b"[" * 100_000,
    b'{"a": "' + b"x" * 5_000_000 + b'"}',
)


class FileFaults:
    """Harms the model ``model`` in ``folder``, the folder itself, and ``memory.json`` in the state folder."""

    def __init__(
        self, server: ChaosServer, record: Record, harm: Harm, chooser: random.Random, folder: Path, model: str
    ) -> None:
        self._server = server
        self._record = record
        self._harm = harm
        self._random = chooser
        self._folder = folder
        self._model = model
        self._count = 0

    @property
    def kinds(self) -> Kinds:
        """What can happen to files."""
        return ((1.0, self._hide_model), (1.0, self._add_cut_model), (1.0, self._damage_note))

    async def _hide_model(self, _: aiohttp.ClientSession) -> None:
        """Move a model's file away for a while; workers that have it loaded may go on."""
        file, away = self._folder / f"{self._model}.gguf", self._folder.parent / "away.gguf"
        span = Span(self._record.now_s())
        self._harm.away.setdefault(self._model, []).append(span)
        file.rename(away)
        self._record.fault("a model's file vanishes, and comes back")
        try:
            await asyncio.sleep(self._random.choice([0.5, 4.0, 9.0]))
        finally:
            away.rename(file)
            span.ended_s = self._record.now_s()

    async def _add_cut_model(self, session: aiohttp.ClientSession) -> None:
        """Put the beginning of a model into the folder. It must not be served, nor harm others."""
        self._count += 1
        source, cut = self._folder / f"{self._model}.gguf", self._folder / f"cut-{self._count}.gguf"
        await asyncio.to_thread(_copy_beginning, source, cut, self._random.choice(CUT_BYTES))
        self._record.fault("a model that is cut short")
        await asyncio.sleep(SEEN_S)
        started_at_s = self._record.now_s()
        body = {"model": cut.stem, "prompt": "a", "max_tokens": 1}
        try:
            timeout = aiohttp.ClientTimeout(30.0)
            async with session.post(f"{self._server.url}/v1/completions", json=body, timeout=timeout) as answer:
                if answer.status not in (404, 503):
                    text = (await answer.text())[:200]
                    self._record.violation(f"a model that is cut short: answered {answer.status} {text}")
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            if not self._harm.of_break(started_at_s):
                self._record.violation(f"a model that is cut short: {error!r}")
        finally:
            cut.unlink()

    async def _damage_note(self, _: aiohttp.ClientSession) -> None:
        """Overwrite what is noted of the models' memory. A router reads it when it starts."""
        (self._server.state / FILE_NAME).write_bytes(self._random.choice(DAMAGE))
        self._record.fault("memory.json is damaged")
        router = self._server.router_process()
        if router is not None:
            self._record.router_killed_at_s.append(self._record.now_s())
            router.kill()


def _copy_beginning(source: Path, target: Path, size_bytes: int) -> None:
    with source.open("rb") as reading, target.open("wb") as writing:
        writing.write(reading.read(size_bytes))
