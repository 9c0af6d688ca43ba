"""The engine with real llama.cpp and the small pairs of scripts/make_media: colours are named, pictures are reused."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from msgspec import structs

from scripts.make_media.cache import made
from shared.settings.placement import LlamaCppOptions
from shared.wire.jobs import Sampling, TextJob
from tests.support.engines.seeing import SeenAnswer, answer, answers, png
from tests.support.media.contents import COLOURS, picture_file
from workers.engine import EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.options import LlamaOptions

ASKED = " Name this colour."
SHOWN = "The colour is:"


def opened(name: str, context_tokens: int = 2048, kv_tokens: int = 0) -> LlamaEngine:
    files = made(name)
    cpu = LlamaCppOptions(gpu_layers=0, repack="off")
    engine = LlamaEngine(
        LlamaOptions(
            str(files.model),
            2,
            slots=2,
            context_tokens=context_tokens,
            kv_tokens=kv_tokens,
            native=cpu,
            mmproj=str(files.projector),
        )
    )
    engine.load(lambda _fraction: None)
    return engine


@pytest.fixture(scope="module", params=["smolvlm", "qwen2vl", "gemma3"])
def engine(request: pytest.FixtureRequest) -> Iterator[LlamaEngine]:
    loaded = opened(request.param)
    yield loaded
    loaded.close()


def colour_chat(*said: str, blobs: int = 1, max_tokens: int = 6) -> TextJob:
    """A chat with a new picture in each question; ``said`` are the answers so far."""
    messages = []
    for turn in range(len(said) + 1):
        parts = [
            {"type": "text", "text": SHOWN},
            {"type": "image", "blob": min(turn, blobs - 1)},
            {"type": "text", "text": ASKED},
        ]
        messages.append({"role": "user", "content": parts})
        messages += [{"role": "assistant", "content": said[turn]}] if turn < len(said) else []
    return TextJob(messages=messages, sampling=Sampling(temperature=0), max_tokens=max_tokens)


def noise(seed: int) -> bytes:
    return picture_file(np.random.default_rng(seed).integers(0, 256, (100, 140, 3), np.uint8))


def names_colours(engine: LlamaEngine) -> bool:
    return "gemma3" not in engine._options.path


def test_each_picture_of_a_chat_is_seen(engine: LlamaEngine) -> None:
    if not names_colours(engine):
        pytest.skip("its weights are random")
    assert engine._model is not None
    vocabulary = engine._model.vocabulary
    bias = {vocabulary.tokenize(f" {colour}", False, True)[0]: 100.0 for colour in COLOURS}
    biased = Sampling(temperature=0, logit_bias=bias)
    said: list[str] = []
    pictures = [png(colour, (140, 100)) for colour in ("blue", "red")]
    pictures.append(picture_file(np.full((100, 140, 3), COLOURS["green"], np.uint8), "WEBP"))
    for colour in ("blue", "red", "green"):
        job = structs.replace(colour_chat(*said, blobs=3, max_tokens=1), sampling=biased)
        said.append(answer(engine, job, pictures).text)
        assert said[-1].strip() == colour


def test_the_second_turn_and_another_chat_encode_nothing(engine: LlamaEngine) -> None:
    first = answer(engine, colour_chat(), [noise(1)])
    encoded = engine.stats().media_encoded
    assert encoded > 0
    messages = [*(colour_chat().messages or []), {"role": "assistant", "content": first.text}]
    messages.append({"role": "user", "content": "Sure?"})
    again = TextJob(messages=messages, sampling=Sampling(temperature=0), max_tokens=6)
    second = answer(engine, again, [noise(1)])
    assert first.started is not None
    assert second.cached >= first.started.prompt_tokens - 8
    other = [{"role": "system", "content": "Be brief."}, *(colour_chat().messages or [])]
    assert answer(engine, TextJob(messages=other, max_tokens=3), [noise(1)]).done is not None
    assert engine.stats().media_encoded == encoded
    engine._cache.clear_kept()
    assert answer(engine, again, [noise(1)]).text == second.text


def test_a_stream_beside_a_picture_says_what_it_says_alone(engine: LlamaEngine) -> None:
    story = TextJob(
        messages=[{"role": "user", "content": "Count from one."}],
        sampling=Sampling(temperature=0),
        max_tokens=40,
        ignore_eos=True,
    )
    alone = answer(engine, story)
    jobs = {
        "stream": EngineJob("stream", story),
        "picture": EngineJob("picture", colour_chat(), blobs=[memoryview(noise(2))]),
    }
    both = answers(engine, jobs)
    assert both["picture"].done is not None
    assert both["stream"].tokens[:8] == alone.tokens[:8]  # batches of other shapes round differently later on


def test_a_job_that_another_worker_began_goes_on(engine: LlamaEngine) -> None:
    job = colour_chat(max_tokens=12)
    whole = answer(engine, job, [noise(3)])
    rest = answer(engine, job, [noise(3)], generated=whole.tokens[:3])
    assert whole.tokens[:3] + rest.tokens == whole.tokens


def test_preempted_pictures_give_the_same_answers() -> None:
    engine = opened("qwen2vl", context_tokens=512, kv_tokens=512)
    try:
        job = TextJob(
            messages=colour_chat().messages, sampling=Sampling(temperature=0), max_tokens=230, ignore_eos=True
        )
        expected = answer(engine, job, [noise(4)])
        engine._cache.clear_kept()
        jobs = {name: EngineJob(name, job, blobs=[memoryview(noise(4))], user=name) for name in ("one", "two")}
        both: dict[str, SeenAnswer] = answers(engine, jobs)
        assert engine.stats().preemptions > 0
        assert {found.tokens[0] for found in both.values()} == {expected.tokens[0]}
        assert all(len(found.tokens) == 230 for found in both.values())
    finally:
        engine.close()
