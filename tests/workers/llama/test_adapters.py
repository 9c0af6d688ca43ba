"""Adapters with the real weights: what they change, and that nothing of one set reaches another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.make_lora import write_merged
from shared.models.adapters import AdapterFile
from shared.settings.placement import LlamaCppOptions
from shared.wire.jobs import AdapterSet, Sampling, TextJob, WantedAdapters
from shared.wire.payloads import Failed, Payload, Started, Tokens
from workers.engine import EngineJob, EngineLoadError
from workers.llama.engine import LlamaEngine
from workers.llama.native.model import LlamaModel
from workers.llama.options import LlamaOptions
from workers.text.model import BatchSlice, DecoderSize

PROMPT = "The capital of France is"
GREEDY = Sampling(temperature=0)
SETS: tuple[WantedAdapters, ...] = ((), (("first", None),), (("second", None),), (("first", 0.5), ("second", 0.5)))


def opened(path: Path, adapters: tuple[AdapterFile, ...]) -> LlamaEngine:
    engine = LlamaEngine(LlamaOptions(str(path), threads=2, slots=8, context_tokens=512, adapters=adapters))
    engine.load(lambda fraction: None)
    return engine


@pytest.fixture(scope="module")
def engine(model_path: Path, adapters: tuple[AdapterFile, ...]) -> Iterator[LlamaEngine]:
    loaded = opened(model_path, adapters)
    yield loaded
    loaded.close()


def job(wanted: WantedAdapters, prompt: str = PROMPT, max_tokens: int = 16) -> TextJob:
    return TextJob(prompt=prompt, sampling=GREEDY, max_tokens=max_tokens, ignore_eos=True, adapters=wanted)


def answers(engine: LlamaEngine, *jobs: TextJob, generated: list[int] | None = None) -> list[list[Payload]]:
    payloads: dict[str, list[Payload]] = {f"job{index}": [] for index in range(len(jobs))}
    for job_id, each in zip(payloads, jobs, strict=True):
        engine.submit(EngineJob(job_id, each, generated or [], user=job_id))
    while engine.has_work():
        for job_id, payload in engine.step():
            payloads[job_id].append(payload)
    return list(payloads.values())


def tokens_of(payloads: list[Payload]) -> list[int]:
    return [token for payload in payloads if isinstance(payload, Tokens) for token in payload.token_ids]


def cached_of(payloads: list[Payload]) -> int:
    return next(payload.cached_tokens for payload in payloads if isinstance(payload, Started))


def logits_of(path: Path, adapters: tuple[AdapterFile, ...], used: AdapterSet) -> NDArray[np.float32]:
    """What follows on each token of the prompt."""
    model = LlamaModel(str(path), LlamaCppOptions(gpu_layers=0), lambda fraction: None, adapters=adapters)
    decoder = model.open_decoder(DecoderSize(256, 1, 256, 64, threads=2))
    decoder.use_adapters(used)
    tokens = model.vocabulary.tokenize(PROMPT, add_special=True, parse_special=True)
    logits = decoder.decode([BatchSlice(0, 0, tokens, len(tokens))]).copy()
    decoder.close()
    model.close()
    return logits


def test_a_model_with_an_adapter_computes_like_one_with_the_adapter_merged_into_its_weights(
    model_path: Path, adapters: tuple[AdapterFile, ...], tmp_path: Path
) -> None:
    plain, merged = tmp_path / "plain.gguf", tmp_path / "merged.gguf"
    write_merged(model_path, plain)
    write_merged(model_path, merged, Path(adapters[0].path), scale=0.8)
    expected, own = logits_of(merged, (), ()), logits_of(plain, (), ())
    effect, error = np.abs(expected - own), np.abs(logits_of(plain, adapters, (("first", 0.8),)) - expected)
    assert error.mean() < 0.1 * effect.mean()
    assert effect.max() > 1


def test_an_adapter_without_effect_and_one_of_scale_0_leave_the_models_own_answer(engine: LlamaEngine) -> None:
    said = [tokens_of(answers(engine, job(wanted))[0]) for wanted in ((), (("zero", None),), (("first", 0.0),))]
    assert said[0] == said[1] == said[2]


def test_sets_at_the_same_time_answer_as_each_does_alone(engine: LlamaEngine) -> None:
    alone = []
    for wanted in SETS:
        engine._cache.clear_kept()
        alone += [tokens_of(answers(engine, job(wanted))[0])]
    engine._cache.clear_kept()
    together = [tokens_of(each) for each in answers(engine, *map(job, SETS))]
    assert together == alone
    assert len({tuple(each) for each in alone}) == len(SETS)


def test_a_prefix_is_shared_only_with_the_same_set(engine: LlamaEngine) -> None:
    prompt = "A prompt that no other test has, and which is long enough that its beginning would be worth sharing:"
    cached = {}
    for wanted in SETS:
        for turn in (1, 2):
            cached[wanted, turn] = cached_of(answers(engine, job(wanted, prompt, max_tokens=1))[0])
    assert all(cached[wanted, 1] == 0 for wanted in SETS)
    assert all(cached[wanted, 2] > 10 for wanted in SETS)


def test_what_waits_in_main_memory_is_found_only_by_the_same_set(
    model_path: Path, adapters: tuple[AdapterFile, ...]
) -> None:
    options = LlamaOptions(str(model_path), threads=2, slots=2, context_tokens=512, kept_tokens=0, adapters=adapters)
    engine = LlamaEngine(options)
    engine.load(lambda fraction: None)
    long = " ".join([PROMPT] * 12)
    answers(engine, job(SETS[1], long, max_tokens=1))
    answers(engine, job((), "Another prompt", max_tokens=1))  # moves the first one to main memory
    assert cached_of(answers(engine, job((), long, max_tokens=1))[0]) == 0
    assert cached_of(answers(engine, job(SETS[1], long, max_tokens=1))[0]) > 40
    engine.close()


def test_another_worker_goes_on_with_the_same_set(
    engine: LlamaEngine, model_path: Path, adapters: tuple[AdapterFile, ...]
) -> None:
    whole = tokens_of(answers(engine, job(SETS[1]))[0])
    other = opened(model_path, adapters)
    rest = tokens_of(answers(other, job(SETS[1]), generated=whole[:7])[0])
    other.close()
    assert rest == whole[7:]


def test_a_job_with_an_adapter_that_the_worker_does_not_have_is_refused(engine: LlamaEngine) -> None:
    ((failed,),) = answers(engine, job((("third", None),)))
    assert failed == Failed(400, "lora: expected one of first, second, zero, got 'third'", "lora")


def test_a_file_that_is_no_adapter_is_refused_in_one_line(model_path: Path) -> None:
    engine = LlamaEngine(LlamaOptions(str(model_path), 2, 2, adapters=(AdapterFile("wrong", str(model_path)),)))
    with pytest.raises(EngineLoadError, match=r"^adapters: llama\.cpp cannot load wrong: .*general\.type") as caught:
        engine.load(lambda fraction: None)
    engine.close()
    assert "\n" not in str(caught.value)
