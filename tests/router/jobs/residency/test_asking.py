"""What is known of the models' needs, from a source that may be slow, hang or fail."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping

import pytest

from router.jobs.residency.asking import RETRY_S, KnownNeeds
from router.jobs.residency.needs import ModelNeeds
from router.jobs.residency.plan import Memory
from router.jobs.workers.table import WorkerTable
from shared.settings import ModelSettings
from shared.wire.supervision import DeviceBudget, WorkerState, WorkerStatus
from tests.support.residency.played_supervisor import on_demand

A, B = on_demand("a"), on_demand("b")
READY = WorkerStatus("a/0", "a", "a/0.1", WorkerState.READY, 0, "", [], {"cpu": 5})


class SlowSource:
    """Waits with every answer as long as it is ``held``; ``told`` has the calls, and where they were made."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.threads: set[int] = set()
        self.fails = False
        self.gave_up = False
        self.begun = threading.Event()
        self.free = threading.Event()
        self.free.set()

    def of(self, model: ModelSettings, budgets: Mapping[str, int]) -> ModelNeeds:
        self._call(f"of {model.name}")
        if self.fails:
            raise OSError("no such disk")
        return ModelNeeds((({"cpu": 5}, model),), 1.0)

    def learn(self, model: ModelSettings, planned: Memory, measured: Memory, load_s: float) -> None:
        self._call(f"learn {model.name}")

    def too_little(self, model: ModelSettings) -> None:
        self._call(f"too little {model.name}")

    def _call(self, name: str) -> None:
        self.told.append(name)
        self.threads.add(threading.get_ident())
        self.begun.set()
        self.gave_up |= not self.free.wait(20.0)


@pytest.fixture
def source() -> SlowSource:
    return SlowSource()


def known_needs(source: SlowSource, timeout_s: float = 20.0) -> tuple[KnownNeeds, WorkerTable]:
    table = WorkerTable()
    table.budgets = [DeviceBudget("cpu", 10, 10)]
    return KnownNeeds(source, table, timeout_s), table


async def until(known: KnownNeeds, reached: Callable[[], object], *models: ModelSettings) -> None:
    """Ask again and again, as the controller does."""
    async with asyncio.timeout(20.0):
        while not reached():
            known.ask(models, {})
            await asyncio.sleep(0.001)


def test_only_a_thread_reads_files_and_lessons_come_before_the_next_question(source: SlowSource) -> None:
    async def go() -> None:
        known, _ = known_needs(source)
        await until(known, lambda: known.of(A), A)
        source.free.clear()
        known.learn(A, READY, {"cpu": 6}, 1.0)
        known.too_little(A)
        assert known.of(A) is None
        source.free.set()
        await until(known, lambda: known.of(A), A)
        assert source.told == ["of a", "learn a", "too little a", "of a"]
        assert threading.get_ident() not in source.threads
        assert not source.gave_up
        known.learn(A, READY, {"cpu": 6}, 1.0)
        assert known.of(A) is not None
        await known.close()

    asyncio.run(go())


@pytest.mark.parametrize("outdated", [A, B])
def test_what_is_found_out_while_it_becomes_outdated_does_not_count(
    source: SlowSource, outdated: ModelSettings
) -> None:
    async def go() -> None:
        known, _ = known_needs(source)
        source.free.clear()
        known.ask([A, B], {})
        await asyncio.to_thread(source.begun.wait, 20.0)
        known.too_little(outdated)
        source.free.set()
        await until(known, lambda: known.of(A) and known.of(B), A, B)
        assert source.told.index(f"too little {outdated.name}") < len(source.told) - 1
        assert source.told[-1] == f"of {outdated.name}"
        await known.close()

    asyncio.run(go())


def test_files_that_hang_are_given_up(source: SlowSource) -> None:
    async def go() -> None:
        known, table = known_needs(source, timeout_s=0.01)
        source.free.clear()
        await until(known, lambda: "a" in table.unfit, A)
        assert "expected an answer within" in table.unfit["a"]
        source.free.set()
        await known.close()

    asyncio.run(go())


def test_files_that_cannot_be_read_are_read_again_after_a_while(
    source: SlowSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        passed_s = 0.0
        real = time.monotonic
        monkeypatch.setattr(time, "monotonic", lambda: real() + passed_s)
        known, table = known_needs(source)
        source.fails = True
        await until(known, lambda: "a" in table.unfit, A)
        assert "no such disk" in table.unfit["a"]
        source.fails = False
        for _ in range(3):
            known.ask([A], {})
            await asyncio.sleep(0)
        assert source.told == ["of a"]
        passed_s += RETRY_S
        await until(known, lambda: "a" not in table.unfit, A)
        assert known.of(A) is not None
        await known.close()

    asyncio.run(go())
