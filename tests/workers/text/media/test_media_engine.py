"""Chats with pictures in the shared batch: what is computed, reused and encoded. The model is a hash function."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shared.wire.jobs import TextJob
from shared.wire.payloads import Done
from tests.support.engines.seeing import (
    SeenAnswer,
    SeenProjector,
    answer,
    answers,
    chat,
    png,
    seeing_engine,
)
from workers.engine import DiskPlace, EngineJob
from workers.llama.engine import LlamaEngine
from workers.text.cache.disk.costs import ReadCosts

RED, BLUE = png("red"), png("blue")
CHUNKS = 2
"""Of each picture."""


def cold(model_path: Path, job: TextJob, blobs: list[bytes], sections: int) -> SeenAnswer:
    """The answer of an engine that has nothing cached."""
    with seeing_engine(model_path, SeenProjector(sections=sections)) as engine:
        return answer(engine, job, blobs)


def test_answers_depend_on_the_picture_and_on_its_place(engine: LlamaEngine) -> None:
    asked = {
        "red": (chat(["What is it?", 0]), [RED]),
        "blue": (chat(["What is it?", 0]), [BLUE]),
        "before": (chat([0, "What is it?"]), [RED]),
        "again": (chat(["What is it?", 0]), [RED]),
    }
    texts = {name: answer(engine, job, blobs).text for name, (job, blobs) in asked.items()}
    assert texts["red"] == texts["again"]
    assert len(set(texts.values())) == 3


def test_the_second_turn_comes_from_the_cache_and_is_what_a_cold_run_says(
    engine: LlamaEngine, projector: SeenProjector, model_path: Path
) -> None:
    first = answer(engine, chat(["What is it?", 0]), [RED])
    assert len(projector.encoded) == CHUNKS
    job = chat(["What is it?", 0], first.text, "Sure?")
    second = answer(engine, job, [RED])
    assert len(projector.encoded) == CHUNKS
    assert first.started is not None
    assert second.cached > first.started.prompt_tokens - 4
    assert second.text == cold(model_path, job, [RED], projector.sections).text


def test_the_same_picture_in_another_chat_is_not_encoded_again(engine: LlamaEngine, projector: SeenProjector) -> None:
    answer(engine, chat(["What is it?", 0]), [RED])
    other = answer(engine, chat(["Describe this, please:", 0]), [RED])
    assert other.cached < 48
    assert len(projector.encoded) == CHUNKS
    assert engine.stats().media_encoded == CHUNKS
    assert engine.stats().media_reused == CHUNKS


def test_users_who_share_nothing_do_not_share_embeddings(model_path: Path, projector: SeenProjector) -> None:
    with seeing_engine(model_path, projector, share_prefixes="user") as engine:
        for user, encoded in (("one", CHUNKS), ("two", 2 * CHUNKS), ("one", 2 * CHUNKS)):
            asked = chat([f"What is it, {len(projector.seen)}?", 0])
            assert answer(engine, asked, [RED], user=user).done is not None
            assert len(projector.encoded) == encoded


def test_nothing_of_ended_chats_is_wanted(engine: LlamaEngine) -> None:
    for _ in range(3):  # the later ones find all in the KV cache
        answer(engine, chat(["What is it?", 0]), [RED])
    assert not engine._scheduler.media._wanted


def test_a_later_picture_is_not_answered_from_the_first(
    engine: LlamaEngine, projector: SeenProjector, model_path: Path
) -> None:
    first = answer(engine, chat([0, "What is it?"]), [RED])
    job = chat([0, "What is it?"], first.text, [1, "And this?"])
    second = answer(engine, job, [RED, BLUE])
    assert len(set(projector.encoded)) == 2 * CHUNKS
    assert second.text == cold(model_path, job, [RED, BLUE], projector.sections).text


def test_a_chat_that_differs_in_its_picture_shares_nothing_of_it(engine: LlamaEngine, projector: SeenProjector) -> None:
    before = answer(engine, chat(["What is it? " * 10, 0]), [RED])
    assert before.started is not None
    after = answer(engine, chat(["What is it? " * 10, 0]), [BLUE])
    assert 0 < after.cached < before.started.prompt_tokens - projector.rows * projector.columns


@pytest.mark.parametrize("is_causal", [True, False])
def test_a_picture_is_computed_beside_a_stream(model_path: Path, is_causal: bool) -> None:
    projector = SeenProjector(is_causal=is_causal, rows=40, columns=10)
    with seeing_engine(model_path, projector, batch_tokens=128) as engine:
        alone = answer(engine, chat("Tell me a story.", max_tokens=60, ignore_eos=True))
        jobs = {
            "stream": EngineJob("stream", chat("Tell me a story.", max_tokens=60, ignore_eos=True)),
            "picture": EngineJob("picture", chat([0, "What?"]), blobs=[memoryview(RED)]),
        }
        both = answers(engine, jobs)
        widths = engine._decoder.widths  # type: ignore[attr-defined]
        embeddings = [-width for width in widths if width < 0]
        assert both["stream"].text == alone.text
        assert both["picture"].done is not None
        assert sum(embeddings) == 40 * 10 + 40
        assert (max(embeddings) <= 128) is is_causal
        assert not is_causal or all(before > 0 or after > 0 for before, after in itertools.pairwise(widths))


def test_a_preempted_picture_is_not_encoded_again(model_path: Path) -> None:
    projector = SeenProjector()
    with seeing_engine(model_path, projector, context_tokens=256, kv_tokens=256, slots=2) as engine:
        job = chat([0, "What is it?"], max_tokens=90, ignore_eos=True)
        expected = answer(engine, job, [RED])
        engine._cache.clear_kept()
        jobs = {name: EngineJob(name, job, blobs=[memoryview(RED)], user=name) for name in ("one", "two")}
        both = answers(engine, jobs)
        assert engine.stats().preemptions > 0
        assert {found.text for found in both.values()} == {expected.text}
        assert len(projector.encoded) == CHUNKS


def test_another_worker_goes_on_with_the_same_text(model_path: Path) -> None:
    texts = []
    for begun in (0, 5):
        with seeing_engine(model_path, SeenProjector(sections=4)) as engine:
            whole = answer(engine, chat([0, "What is it?"], max_tokens=20, ignore_eos=True), [RED])
            engine._cache.clear_kept()
            rest = answer(
                engine, chat([0, "What is it?"], max_tokens=20, ignore_eos=True), [RED], generated=whole.tokens[:begun]
            )
            texts.append((whole.tokens, whole.tokens[:begun] + rest.tokens))
    assert all(whole == continued for whole, continued in texts)


def test_an_encode_that_nobody_wants_ends(model_path: Path) -> None:
    begun, may_go_on = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert may_go_on.wait(20)

    projector = SeenProjector(between=hold)
    with seeing_engine(model_path, projector) as engine:
        engine.submit(EngineJob("gone", chat([0, "What?"]), blobs=[memoryview(RED)]))
        while not begun.is_set():
            engine.step()
        engine.cancel("gone")
        may_go_on.set()
        other = answer(engine, chat([0, "What?"]), [BLUE])
        assert other.done is not None
        assert (projector.stopped, len(projector.encoded)) == (1, CHUNKS)


def _nan(
    embeddings: np.ndarray[tuple[int, int], np.dtype[np.float32]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    embeddings[3, 1] = np.nan
    return embeddings


def _raises(_embeddings: object) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    raise RuntimeError("out of memory")


@pytest.mark.parametrize("changed", [_nan, _raises])
def test_a_picture_that_cannot_be_encoded_fails_alone(
    model_path: Path, changed: Callable[[object], np.ndarray[tuple[int, int], np.dtype[np.float32]]]
) -> None:
    projector = SeenProjector()
    with seeing_engine(model_path, projector) as engine:
        alone = answer(engine, chat("Tell me a story.", max_tokens=30, ignore_eos=True))
        projector.changed = changed
        jobs = {
            "stream": EngineJob("stream", chat("Tell me a story.", max_tokens=30, ignore_eos=True)),
            "picture": EngineJob("picture", chat([0, "What?"]), blobs=[memoryview(RED)]),
        }
        both = answers(engine, jobs)
        assert both["picture"].failed is not None
        assert (both["picture"].failed.status, both["picture"].failed.param) == (500, "messages.0.content.0")
        assert both["stream"].text == alone.text
        projector.changed = lambda embeddings: embeddings
        assert answer(engine, chat([0, "What?"]), [RED]).done is not None


def test_encoding_is_progress(model_path: Path) -> None:
    steps = threading.Semaphore(0)

    def hold() -> None:
        steps.acquire()

    with seeing_engine(model_path, SeenProjector(between=hold)) as engine:
        engine.submit(EngineJob("job", chat([0, "What?"]), blobs=[memoryview(RED)]))
        while not engine._scheduler.running:
            engine.step()
        seen = {engine.stats().media_encode_s}
        for _ in range(2):
            steps.release()
            while engine.stats().media_encode_s in seen:
                engine.step()
            seen.add(engine.stats().media_encode_s)
        assert len(seen) == 3
        for _ in range(20):
            steps.release()
        ended = False
        while engine.has_work():
            ended = ended or any(isinstance(payload, Done) for _, payload in engine.step())
        assert ended


def test_chats_with_pictures_are_left_out_on_disk(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReadCosts, "pays", lambda *_: True)
    place = DiskPlace(tmp_path / "prefixes", tmp_path / "secret", 100_000_000, 5.0)
    text, seen = chat("Tell me of towns. " * 80), chat(["Tell me of towns. " * 80, 0, "And? " * 100])
    with seeing_engine(model_path, SeenProjector(), place, context_tokens=2048) as engine:
        said = answer(engine, text).text
        answer(engine, seen, [RED])
        engine.settle()
        assert engine.stats().disk_files == 1
    with seeing_engine(model_path, SeenProjector(), place, context_tokens=2048) as engine:
        assert answer(engine, seen, [RED]).cached > 300
        assert answer(engine, text).text == said
