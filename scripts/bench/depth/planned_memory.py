"""What a worker with a long context was planned to take, and what it takes when it has loaded the model."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from scripts.bench.depth.engines import KV_TYPES, SLOTS
from shared.kinds import JobKind
from shared.memory.estimate import estimate
from shared.settings import ModelSettings
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions


@dataclass(frozen=True, slots=True)
class PlannedMemory:
    """Bytes: what was planned without what fills only with use, of which the KV cache; and what was measured."""

    planned_bytes: int
    kv_bytes: int
    measured_bytes: int


def planned_memory(path: Path, kind: str, context_tokens: int, threads: int) -> PlannedMemory:
    """Load the model in a process of its own.

    Raises:
        RuntimeError: it did not load.
    """
    native = KV_TYPES[kind].model_dump(exclude_unset=True)
    model = ModelSettings(
        name="m", kinds=(JobKind.TEXT,), engine="llama", path=str(path), context_tokens=context_tokens, slots=SLOTS
    ).model_copy(update=native)
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_load, args=(model, threads, theirs))
    process.start()
    theirs.close()
    try:
        measured = int(ours.recv())
    except EOFError:
        raise RuntimeError(f"{path.name} did not load") from None
    finally:
        process.join()
    found = estimate(model)
    return PlannedMemory(found.total_bytes - found.later_bytes, found.kv_bytes, measured)


def _load(model: ModelSettings, threads: int, told: Connection) -> None:
    """Tell the resident size of this process and those that it started; none is left."""
    import workers.__main__  # noqa: F401 - what a worker imports takes memory too

    engine = LlamaEngine(LlamaOptions.of(model, threads))
    engine.load(lambda fraction: None)
    assert engine._sandbox is not None
    engine._sandbox.open()  # else it is still being made, and takes its memory later
    worker = psutil.Process()
    told.send(sum(each.memory_info().rss for each in [worker, *worker.children(recursive=True)]))
    engine.close()
    os._exit(0)
