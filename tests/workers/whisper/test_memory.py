"""A recording is let go of as soon as its job ends, not when the collector of cycles next comes by."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.jobs import Done, Failed, Payload, SpeechJob
from workers.engine import EngineJob
from workers.whisper.engine import WhisperEngine

JFK = Path(__file__).parents[2] / "data" / "jfk.flac"
PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
def _no_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def submit(engine: WhisperEngine, data: bytearray) -> list[Payload]:
    """Give the recording to the engine, keeping nothing of it; returns what was emitted up to its first event."""
    engine.submit(EngineJob("job", SpeechJob(), blobs=[memoryview(data)]))
    return run(engine, lambda emitted: bool(emitted))


def run(engine: WhisperEngine, until: Callable[[list[Payload]], bool]) -> list[Payload]:
    emitted: list[Payload] = []
    deadline_s = time.monotonic() + PATIENCE_S
    while not until(emitted):
        assert time.monotonic() < deadline_s
        emitted += [payload for _, payload in engine.step()]
    return emitted


def is_free(data: bytearray) -> bool:
    """Whether nobody holds on to the bytes: those that are looked at cannot change their size."""
    try:
        data.clear()
    except BufferError:
        return False
    return True


def freed(data: bytearray) -> bool:
    """Whether the bytes become free; the preparing thread may be within a slice of them."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_free(data) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    return not data


def test_at_the_end(engine: WhisperEngine) -> None:
    data = bytearray(JFK.read_bytes())
    submit(engine, data)
    run(engine, lambda emitted: any(isinstance(payload, Done) for payload in emitted))
    assert freed(data)


def test_when_it_is_cancelled(engine: WhisperEngine) -> None:
    data = bytearray(JFK.read_bytes())
    submit(engine, data)
    assert not is_free(data)
    engine.cancel("job")
    assert freed(data)


def test_when_it_cannot_be_opened(engine: WhisperEngine) -> None:
    data = bytearray(b"no recording " * 100)
    assert isinstance(submit(engine, data)[-1], Failed)
    assert freed(data)
