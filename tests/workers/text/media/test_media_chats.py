"""Chats with pictures before they are computed: what of them is read, counted and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.wire.jobs import TokenizeJob
from shared.wire.payloads import Tokenized
from tests.support.engines.seeing import (
    SeenProjector,
    answer,
    chat,
    picture_of,
    png,
    seeing_engine,
)
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.text.media import reading

RED, BLUE = png("red"), png("blue")
CHUNKS = 2
"""Of each picture."""


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
