"""Chats with pictures in the shared batch: what is computed, reused and encoded. The model is a hash function."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from shared.settings.text.speculation import Speculate
from shared.wire.jobs import TextJob, TokenizeJob
from shared.wire.payloads import Done, Tokenized
from tests.support.engines.seeing import (
    SeenAnswer,
    SeenProjector,
    answer,
    answers,
    chat,
    picture_of,
    png,
    seeing_engine,
)
from tests.support.engines.speculating import draft_always
from tests.support.workers.supervised import wait_until
from workers.engine import DiskPlace, EngineJob
from workers.llama.engine import LlamaEngine
from workers.text import engine as engine_module
from workers.text.cache.disk.costs import ReadCosts
from workers.text.media import reading
from workers.text.scheduling.scheduled import ScheduledTokens
from workers.text.speculation.options import SpeculationOptions

RED, BLUE = png("red"), png("blue")
CHUNKS = 2
"""Of each picture."""


@pytest.fixture(params=[1, 4], ids=["plain positions", "positions in rows and columns"])
def projector(request: pytest.FixtureRequest) -> SeenProjector:
    return SeenProjector(sections=request.param)


@pytest.fixture
def engine(model_path: Path, projector: SeenProjector) -> Iterator[LlamaEngine]:
    with seeing_engine(model_path, projector) as opened:
        yield opened


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


@pytest.mark.parametrize(
    "text", ["<image>", "<__media__>", "<|im_start|>system", "\ua100\ua101\ua102\ua103", "<|image_pad|>"]
)
def test_text_that_looks_like_a_marker_is_text(engine: LlamaEngine, projector: SeenProjector, text: str) -> None:
    found = answer(engine, chat([text, 0, f"{text} is text"]), [RED])
    assert found.done is not None
    assert len(projector.encoded) == CHUNKS
    assert found.started is not None
    without = answer(engine, chat(f"{text}{text} is text"))
    assert without.started is not None
    of_picture = projector.rows * projector.columns + projector.rows + 3
    assert abs(found.started.prompt_tokens - without.started.prompt_tokens - of_picture) <= 2


def test_a_file_is_read_once_however_often_a_chat_has_it(engine: LlamaEngine, projector: SeenProjector) -> None:
    found = answer(engine, chat([0, "and", 0], "Two.", [1, 0]), [RED, BLUE])
    assert found.done is not None
    assert len(projector.seen) == 2


def test_what_does_not_fit_the_context_is_not_read(model_path: Path) -> None:
    projector = SeenProjector(rows=40, columns=10)  # 440 tokens each, of 1024
    pictures = [png(colour) for colour in ("red", "blue", "lime", "white", "black")]
    with seeing_engine(model_path, projector) as engine:
        found = answer(engine, chat([0, 1, 2, 3, 4]), pictures)
        assert found.failed is not None
        assert (found.failed.status, found.failed.param) == (400, "messages")
        assert found.failed.code == "context_length_exceeded"
        assert len(projector.seen) == 3


def test_files_that_take_long_together_are_refused(engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "READING_S", 5.0)  # less than one file may take
    found = answer(engine, chat(["See", 0]), [RED])
    assert found.failed is not None
    assert (found.failed.status, found.failed.param) == (503, "messages.0.content.1")


def test_no_process_that_decodes_files_renders_chats(engine: LlamaEngine) -> None:
    answer(engine, chat([0]), [RED])
    answer(engine, chat("Hi"))
    sandbox = engine._sandbox
    assert sandbox is not None
    chats, files = ({child._number for child in idle} for idle in (sandbox._idle, sandbox._idle_with_files))
    assert len(files) == 1
    assert not chats & files


def test_pixels_reach_the_projector(engine: LlamaEngine, projector: SeenProjector) -> None:
    answer(engine, chat([0]), [png("lime", (5, 3))])
    assert picture_of(projector).shape == (3, 5, 3)
    assert (picture_of(projector) == (0, 255, 0)).all()


def test_tokens_of_a_chat_with_a_picture_are_counted(engine: LlamaEngine) -> None:
    job = chat([0, "What is it?"])
    engine.submit(EngineJob("count", TokenizeJob(job), blobs=[memoryview(RED)]))
    counted = [payload for _ in range(400) for _, payload in engine.step() if isinstance(payload, Tokenized)]
    started = answer(engine, job, [RED]).started
    assert started is not None
    assert [found.count for found in counted] == [started.prompt_tokens]


def test_a_client_is_told_the_text_of_a_prompt_only(engine: LlamaEngine) -> None:
    told = answer(engine, chat([0, "What is it?"], tells_prompt=True), [RED]).started
    assert told is not None
    assert 0 < len(told.prompt_ids) < told.prompt_tokens
    assert min(told.prompt_ids) >= 0


def test_what_is_no_picture_is_refused_by_its_place(engine: LlamaEngine) -> None:
    found = answer(engine, chat("Hi", "Hello", ["See", 0]), [b"no picture"])
    assert found.failed is not None
    assert (found.failed.status, found.failed.param) == (400, "messages.2.content.1")


@pytest.mark.parametrize("projector", [None, SeenProjector(media=("audio",))], ids=["text", "hears"])
def test_a_model_that_sees_nothing_refuses_pictures(model_path: Path, projector: SeenProjector | None) -> None:
    with seeing_engine(model_path, projector) as engine:
        found = answer(engine, chat(["See", 0]), [RED])
        assert found.failed is not None
        told = (found.failed.status, found.failed.param, found.failed.code)
        assert told == (400, "messages.0.content.1", "media_not_supported")


def test_a_template_that_leaves_a_picture_out_is_a_refusal(model_path: Path, tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    template.write_text("{% for m in messages %}{{ m.role }}: {{ m.content.split('\\n')[0] }}\n{% endfor %}assistant:")
    with seeing_engine(model_path, SeenProjector(), chat_template=str(template)) as engine:
        found = answer(engine, chat(["See", "this", 0]), [RED])
        assert found.failed is not None
        assert (found.failed.status, found.failed.param) == (400, "messages.0.content.2")
        assert "\ua100" not in found.failed.message


def test_a_template_that_wants_parts_gets_them(model_path: Path, tmp_path: Path) -> None:
    template = tmp_path / "template.jinja"
    parts = "{% for part in m.content %}{{ part.text }}{% endfor %}"
    template.write_text(f"{{% for m in messages %}}{{{{ m.role }}}}: {parts}\n{{% endfor %}}assistant:")
    projector = SeenProjector()
    with seeing_engine(model_path, projector, chat_template=str(template)) as engine:
        found = answer(engine, chat(["See this", 0, "well"]), [RED])
        assert found.done is not None
        assert len(projector.encoded) == CHUNKS


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
