"""Drafts of tokens in chats with pictures."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from shared.settings.text.speculation import Speculate
from tests.support.engines.seeing import (
    SeenProjector,
    answer,
    chat,
    png,
    seeing_engine,
)
from tests.support.engines.speculating import draft_always
from tests.support.workers.supervised import wait_until
from workers.engine import EngineJob
from workers.text import engine as engine_module
from workers.text.scheduling.scheduled import ScheduledTokens
from workers.text.speculation.options import SpeculationOptions

RED, BLUE = png("red"), png("blue")


@pytest.mark.parametrize("sections", [1, 4])
def test_refused_drafts_are_cut_behind_a_picture(
    model_path: Path, sections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft_always(monkeypatch)
    drafts = SpeculationOptions(Speculate.NGRAM, "", draft_tokens=6)
    asked = [0, "What is it?"]
    with seeing_engine(model_path, SeenProjector(sections=sections), speculation=drafts) as engine:
        plain = answer(engine, chat(asked, max_tokens=30, ignore_eos=True), [RED])
        words = plain.text.split(" ")
        words[5::6] = ["zebra"] * len(words[5::6])
        again = answer(engine, chat(asked, max_tokens=30, ignore_eos=True, prediction=" ".join(words)), [RED])
        assert engine.stats().drafted_tokens > engine.stats().accepted_tokens > 0
        assert again.text == plain.text


def test_drafts_are_computed_in_the_turn_of_their_step(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draft_always(monkeypatch)
    drafts = SpeculationOptions(Speculate.NGRAM, "", draft_tokens=6)
    with seeing_engine(model_path, SeenProjector(), speculation=drafts) as engine:
        media, speculation = engine._media, engine._speculation
        assert media is not None
        assert speculation is not None
        extend, taken = speculation.extend, list[bool]()

        def extended(scheduled: list[ScheduledTokens]) -> list[ScheduledTokens]:
            taken.append(media._turns._is_taken)
            return extend(scheduled)

        monkeypatch.setattr(speculation, "extend", extended)
        assert answer(engine, chat("What is it?")).done is not None
        assert taken
        assert all(taken)


def test_the_wait_for_a_slice_is_no_part_of_a_step(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lasted_s = list[float]()
    monkeypatch.setattr(engine_module, "time", SimpleNamespace(monotonic=lambda: sum(lasted_s)))
    begun, waits = threading.Event(), iter(range(2))
    projector, durations = SeenProjector(), list[float]()
    with seeing_engine(model_path, projector) as engine:
        media = engine._media
        assert media is not None

        def last_long() -> None:
            """The first slices take long, while a step waits."""
            begun.set()
            if next(waits, None) is not None:
                wait_until(lambda: media._turns._step_waits, "a step")
                lasted_s.append(5.0)

        projector.between = last_long
        monkeypatch.setattr(engine._scheduler, "observe", lambda _scheduled, took_s: durations.append(took_s))
        engine.submit(EngineJob("picture", chat([0, "What?"]), blobs=[memoryview(RED)]))
        while not begun.is_set():
            engine.step()
        engine.submit(EngineJob("stream", chat("Tell me a story.", max_tokens=20, ignore_eos=True)))
        while engine.has_work():
            engine.step()
        assert lasted_s == [5.0, 5.0]
        assert set(durations) == {0.0}
