"""A tiny model with random weights: both forms of the decoder, batches, languages, words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.wire.jobs import SpeechTask
from workers.onnx.speech.decoder import WhisperDecoder
from workers.onnx.speech.model import EncodedArray, OnnxWhisper
from workers.whisper.audio.pcm import SAMPLE_RATE


def noise(seed: int) -> EncodedArray:
    """What the encoder might have said."""
    return EncodedArray(np.random.default_rng(seed).normal(0, 1, (1, 1500, 16)).astype(np.float32))


@pytest.fixture(autouse=True)
def short_texts(merged: OnnxWhisper, pair: OnnxWhisper, monkeypatch: pytest.MonkeyPatch) -> None:
    """A random model does not end its texts."""
    for model in (merged, pair):
        monkeypatch.setattr(model, "max_tokens", 12)


def test_both_forms_of_the_decoder_say_the_same(merged: OnnxWhisper, pair: OnnxWhisper) -> None:
    encoded = merged.join([noise(seed) for seed in range(3)])
    starts = [merged.start_tokens(language, SpeechTask.TRANSCRIBE, [400, 401]) for language in ("en", "de", "fr")]
    one, other = (model.generate(encoded, starts, 0.0, beam_size=3) for model in (merged, pair))
    assert [attempt.tokens for attempt in one] == [attempt.tokens for attempt in other]
    assert np.allclose([each.avg_logprob for each in one], [each.avg_logprob for each in other], atol=1e-4)
    assert len({tuple(attempt.tokens) for attempt in one}) == 3


def test_chunks_in_one_batch_get_the_same_texts_as_alone(merged: OnnxWhisper) -> None:
    chunks = [noise(seed) for seed in range(4)]
    start = merged.start_tokens("en", SpeechTask.TRANSCRIBE, [])
    together = merged.generate(merged.join(chunks), [start] * 4, 0.0, beam_size=5)
    for chunk, attempt in zip(chunks, together, strict=True):
        (alone,) = merged.generate(chunk, [start], 0.0, beam_size=5)
        assert alone.tokens == attempt.tokens
        assert np.isclose(alone.avg_logprob, attempt.avg_logprob, atol=1e-4)
        assert np.isclose(alone.no_speech_prob, attempt.no_speech_prob, atol=1e-5)


def test_chunks_that_need_too_much_memory_together_are_decoded_in_parts(
    merged: OnnxWhisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = merged.join([noise(seed) for seed in range(3)])
    start = merged.start_tokens("en", SpeechTask.TRANSCRIBE, [])
    together = merged.generate(encoded, [start] * 3, 0.0, beam_size=2)
    begin, sizes = WhisperDecoder.begin, []

    def counted(self: WhisperDecoder, array: Any, tokens: Any) -> Any:
        sizes.append(len(array))
        return begin(self, array, tokens)

    monkeypatch.setattr(WhisperDecoder, "begin", counted)
    monkeypatch.setattr("workers.onnx.speech.model.MAX_CACHE_BYTES", 2 * 2 * 2 * 2 * 16 * 1500 * 4)
    in_parts = merged.generate(encoded, [start] * 3, 0.0, beam_size=2)
    assert sizes == [2, 1]
    assert [attempt.tokens for attempt in in_parts] == [attempt.tokens for attempt in together]


def test_the_caches_of_a_beam_are_those_of_its_tokens(merged: OnnxWhisper) -> None:
    encoded = noise(0)
    start = merged.start_tokens("en", SpeechTask.TRANSCRIBE, [])
    (attempt,) = merged.generate(encoded, [start], 0.0, beam_size=5)
    assert attempt.avg_logprob == pytest.approx(mean_log_probability(merged, encoded, start, attempt.tokens), abs=1e-3)


def mean_log_probability(model: OnnxWhisper, encoded: EncodedArray, start: list[int], tokens: list[int]) -> float:
    """Computed without caches, from one pass over all tokens."""
    decoder: WhisperDecoder = model.decoder
    logits, _ = decoder.begin(encoded.array, np.array([[*start, *tokens]], np.int64))
    total = 0.0
    for count, token in enumerate(tokens):
        known = model.rules.log_probabilities(logits[:, len(start) - 1 + count].copy(), [tokens[:count]])
        total += float(known[0, token])
    return total / (len(tokens) + 1)


def test_sampled_texts_differ_from_time_to_time(merged: OnnxWhisper) -> None:
    start = merged.start_tokens("en", SpeechTask.TRANSCRIBE, [])
    texts = [merged.generate(noise(0), [start], 1.0, beam_size=5)[0] for _ in range(3)]
    assert {attempt.temperature for attempt in texts} == {1.0}
    assert len({tuple(attempt.tokens) for attempt in texts}) > 1


def test_language_and_task_are_among_the_first_tokens(merged: OnnxWhisper) -> None:
    assert merged.start_tokens("de", SpeechTask.TRANSLATE, []) == [50258, 50261, 50358]
    assert merged.start_tokens("en", SpeechTask.TRANSCRIBE, [11, 12]) == [50361, 11, 12, 50258, 50259, 50359]


def test_a_prompt_is_cut_to_its_last_tokens(merged: OnnxWhisper) -> None:
    assert merged.prompt_tokens(" ") == merged.prompt_tokens(None) == []
    tokens = merged.prompt_tokens("one two " * 300)
    assert len(tokens) == 223
    assert merged.text_of(tokens).endswith("one two")


def test_languages_are_detected_among_all(merged: OnnxWhisper) -> None:
    (first, probability), (second, _) = merged.detect_languages(merged.join([noise(1), noise(2)]))
    assert {first, second} <= set(merged.languages)
    assert 1 / 99 <= probability <= 1
    ((alone, probability_alone),) = merged.detect_languages(noise(1))
    assert alone == first
    assert probability_alone == pytest.approx(probability, abs=1e-4)


def test_recordings_are_encoded_one_by_one(merged: OnnxWhisper) -> None:
    sounds = [np.random.default_rng(seed).integers(-9000, 9000, SAMPLE_RATE).astype(np.int16) for seed in (0, 1)]
    features = [merged.features(sound) for sound in sounds]
    encoded = merged.encode(features)
    assert encoded.array.shape == (2, 1500, 16)
    assert np.array_equal(encoded.take([1]).array, merged.encode(features[1:]).array)


def test_words_are_timed_only_with_cross_attentions(merged: OnnxWhisper, pair: OnnxWhisper) -> None:
    assert merged.times_words
    assert not pair.times_words


def test_words_of_several_chunks_are_timed_together(merged: OnnxWhisper) -> None:
    texts = [merged.prompt_tokens(text) for text in ("one two three", "hello")]
    chunks = [noise(1), noise(2)]
    together = merged.align(merged.join(chunks), "en", SpeechTask.TRANSCRIBE, texts, [4.0, 30.0])
    assert [[word.text for word in words] for words in together] == [[" one", " two", " three"], [" hello"]]
    for chunk, text, duration_s, words in zip(chunks, texts, (4.0, 30.0), together, strict=True):
        (alone,) = merged.align(chunk, "en", SpeechTask.TRANSCRIBE, [text], [duration_s])
        assert [(each.start_s, each.end_s) for each in alone] == [(each.start_s, each.end_s) for each in words]
        assert all(0 <= each.start_s <= each.end_s <= duration_s for each in words)
