"""The decoders with a real graph: computed together, in parts, moved or restored, a text stays the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.engines.onnx.providers import OnnxProvider
from tests.support.onnx.hub_layout import in_hub_layout
from tests.support.onnx.made_models import made_model
from workers.engine import EngineLoadError
from workers.onnx.session import open_session
from workers.onnx.text.decoding.appending import AppendingDecoder
from workers.onnx.text.decoding.batched import BatchedDecoder
from workers.onnx.text.decoding.hub_layout import read_hub_settings
from workers.onnx.text.decoding.layout import read_settings
from workers.onnx.text.model import OnnxTextModel, OpenedFolder, generator_model, open_model
from workers.onnx.text.vocabulary import read_vocabulary
from workers.text.model import BatchDecoder, BatchSlice, DecoderSize

SLOTS = 8
SIZE = DecoderSize(cells=4096, sequences=SLOTS, context_tokens=256, batch_tokens=256, threads=2)
TOKENS = 12


GENAI = "genai"
APPENDING, MERGED = "onnx/model.onnx", "onnx/decoder_model_merged.onnx"


@pytest.fixture(scope="module")
def folder() -> Path:
    """SmolLM2 with 32-bit weights: rounding does not change its words."""
    return made_model("text-fp32")


@pytest.fixture(scope="module", params=[GENAI, APPENDING, MERGED])
def opened(request: pytest.FixtureRequest, folder: Path) -> OnnxTextModel:
    """Graphs with keys and values in one buffer, in new tensors, and with further inputs."""
    path = str(folder if request.param == GENAI else made_model("text-appending") / request.param)
    return open_model(path, OnnxProvider.CPU, 2, SLOTS, lambda _share: None)


@pytest.fixture(scope="module")
def prompts(opened: OnnxTextModel) -> list[list[int]]:
    """Prompts of different lengths."""
    texts = [f"{'Once upon a time. ' * number}A story about the number {number}:" for number in range(SLOTS)]
    return [opened.vocabulary.tokenize(text, add_special=False, parse_special=False) for text in texts]


@pytest.fixture(scope="module")
def expected(opened: OnnxTextModel, prompts: list[list[int]]) -> list[list[int]]:
    """What follows each prompt when it is computed alone and at once."""
    decoder = opened.open_decoder(SIZE)
    answers = []
    for prompt in prompts:
        tokens = list(prompt)
        logits = decoder.decode([BatchSlice(0, 0, tokens, 1)])
        while len(tokens) < len(prompt) + TOKENS:
            tokens.append(int(logits[0].argmax()))
            logits = decoder.decode([BatchSlice(0, len(tokens) - 1, tokens[-1:], 1)])
        answers.append(tokens)
        decoder.memory.remove(0)
    decoder.close()
    return answers


@pytest.fixture
def decoder(opened: OnnxTextModel) -> Iterator[BatchDecoder]:
    """A decoder with an empty cache."""
    empty = opened.open_decoder(SIZE)
    yield empty
    empty.close()


def step(decoder: BatchDecoder, running: dict[int, list[int]], computed: dict[int, int], most: int) -> None:
    """Compute up to ``most`` tokens of each sequence, and append the next ones to those that are complete."""
    slices = [
        BatchSlice(number, computed[number], part, int(computed[number] + len(part) == len(tokens)))
        for number, tokens in running.items()
        if (part := tokens[computed[number] :][:most])
    ]
    logits = iter(decoder.decode(slices))
    for done in slices:
        computed[done.cache_id] += len(done.tokens)
        if done.outputs:
            running[done.cache_id].append(int(next(logits).argmax()))


def test_prompts_in_parts_beside_running_texts(
    decoder: BatchDecoder, prompts: list[list[int]], expected: list[list[int]]
) -> None:
    running, computed = dict[int, list[int]](), dict[int, int]()
    waiting = list(enumerate(prompts))
    while waiting or any(len(tokens) < len(expected[number]) for number, tokens in running.items()):
        if waiting:
            number, prompt = waiting.pop()
            running[number], computed[number] = list(prompt), 0
        for number in [number for number, tokens in running.items() if len(tokens) >= len(expected[number])]:
            assert running.pop(number) == expected[number]
            decoder.memory.remove(number)
        if running:
            step(decoder, running, computed, most=7)
    assert {number: tokens for number, tokens in running.items() if tokens != expected[number]} == {}


def test_moved_shared_and_restored_texts_go_on(
    decoder: BatchDecoder, prompts: list[list[int]], expected: list[list[int]]
) -> None:
    chance = random.Random(1)
    running, computed = {number: list(prompt) for number, prompt in enumerate(prompts)}, dict.fromkeys(range(SLOTS), 0)
    memory = decoder.memory
    while any(len(running[number]) < len(expected[number]) for number in range(SLOTS)):
        few = dict(chance.sample(sorted(running.items()), chance.randint(1, SLOTS)))  # rows with gaps between them
        few = {number: tokens for number, tokens in few.items() if len(tokens) < len(expected[number])}
        if few:
            step(decoder, few, computed, most=chance.choice([3, 200]))
        number = chance.randrange(SLOTS)
        if computed[number] > 2 and len(running[number]) < len(expected[number]):
            state = memory.save(number)
            memory.remove(number)
            assert memory.load(number, state)
            kept = computed[number] - chance.choice([0, 0, 1])
            memory.cut(number, kept, computed[number])
            computed[number] = kept
            running[number] = running[number][: max(kept + 1, len(prompts[number]))]
    assert [running[number] for number in range(SLOTS)] == expected
    memory.remove(1)
    memory.copy_prefix(0, 1, len(prompts[0]) - 1)
    logits = decoder.decode([BatchSlice(1, len(prompts[0]) - 1, prompts[0][-1:], 1)])
    assert logits[0].argmax() == expected[0][len(prompts[0])]


def test_logits_of_all_tokens(decoder: BatchDecoder, prompts: list[list[int]]) -> None:
    prompt = prompts[3]
    whole = decoder.decode([BatchSlice(0, 0, prompt, len(prompt)), BatchSlice(1, 0, prompts[4], 1)])
    assert whole.shape == (len(prompt) + 1, 49152)
    single = [one_by_one(decoder, prompt)]
    np.testing.assert_allclose(whole[:-1], np.concatenate(single), atol=2e-3)


def one_by_one(decoder: BatchDecoder, tokens: list[int]) -> NDArray[np.float32]:
    """The logits after each token, each computed by itself."""
    parts = [decoder.decode([BatchSlice(2, position, [token], 1)]).copy() for position, token in enumerate(tokens)]
    return np.concatenate(parts)


@pytest.mark.parametrize("opened", [GENAI], indirect=True)
def test_generators_say_the_same(folder: Path, prompts: list[list[int]], expected: list[list[int]]) -> None:
    model = generator_model(
        OpenedFolder(folder, read_settings(folder), read_vocabulary(str(folder)), OnnxProvider.CPU, SLOTS), 2
    )
    decoder = model.open_decoder(SIZE)
    assert not isinstance(decoder, BatchedDecoder)
    running, computed = {number: list(prompts[number]) for number in range(3)}, dict.fromkeys(range(3), 0)
    while len(running[0]) < len(expected[0]):
        step(decoder, running, computed, most=20)
    for number, tokens in running.items():
        assert tokens == expected[number][: len(tokens)]
    rows = decoder.decode([BatchSlice(5, 0, prompts[1], 3)])
    assert rows.shape == (3, 49152)
    assert rows[-1].argmax() == expected[1][len(prompts[1])]
    decoder.close()
    model.close()


@pytest.mark.parametrize("opened", [GENAI], indirect=True)
def test_the_same_graph_in_the_layout_of_the_hub_is_computed_together_too(
    folder: Path, tmp_path: Path, prompts: list[list[int]], expected: list[list[int]]
) -> None:
    model = open_model(str(in_hub_layout(folder, tmp_path)), OnnxProvider.CPU, 2, SLOTS, lambda _share: None)
    decoder = model.open_decoder(SIZE)
    assert isinstance(decoder, BatchedDecoder)
    running, computed = {number: list(prompts[number]) for number in range(3)}, dict.fromkeys(range(3), 0)
    while len(running[0]) < len(expected[0]):
        step(decoder, running, computed, most=20)
    assert [running[number] for number in range(3)] == [expected[number][: len(running[number])] for number in range(3)]
    assert (model.trained_tokens, model.can_share_prefixes) == (8192, True)
    decoder.close()


@pytest.mark.parametrize("opened", [APPENDING, MERGED], indirect=True)
def test_a_prefix_is_shared_without_a_copy_until_one_goes_on(opened: OnnxTextModel, prompts: list[list[int]]) -> None:
    decoder = opened.open_decoder(SIZE)
    assert isinstance(decoder, AppendingDecoder)
    prompt = prompts[5]
    whole = decoder.decode([BatchSlice(0, 0, prompt, 1)])
    decoder.memory.copy_prefix(0, 1, len(prompt))
    (first,), (second,) = ({*map(id, decoder.memory.past(number, len(prompt))[:1])} for number in range(2))
    assert first == second
    decoder.decode([BatchSlice(1, len(prompt), prompt[:1], 1)])
    decoder.memory.cut(0, len(prompt) - 1, len(prompt))
    np.testing.assert_allclose(decoder.decode([BatchSlice(0, len(prompt) - 1, prompt[-1:], 1)]), whole, atol=1e-4)


def test_a_graph_with_other_logits_than_its_vocabulary_is_one_line() -> None:
    graph = made_model("text-appending") / APPENDING
    session = open_session(graph, OnnxProvider.CPU, 2)
    settings = read_hub_settings(graph.parents[1], graph, session)
    with pytest.raises(EngineLoadError, match=r"^onnx/model\.onnx: expected 100 logits, .* got 49152, and"):
        AppendingDecoder(session, settings, 100, OnnxProvider.CPU)
