"""A Whisper model in ONNX: spectrograms in, tokens, languages and word times out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.wire.jobs import SpeechTask
from workers.engine import EngineLoadError
from workers.onnx.session import open_session
from workers.onnx.speech.alignment import FRAMES_PER_S, starts_of, timed_words
from workers.onnx.speech.decoder import WhisperDecoder
from workers.onnx.speech.features import FeatureExtractor
from workers.onnx.speech.folder import WhisperFolder
from workers.onnx.speech.rules import Rules
from workers.onnx.speech.search import BeamSearch, ChunkSearch, Hypothesis, TextSampling, search
from workers.onnx.speech.tokenizer import WhisperTokenizer
from workers.whisper.audio.notices import Features
from workers.whisper.options import WhisperOptions
from workers.whisper.transcription.fallback import Attempt
from workers.whisper.transcription.model import SAMPLED_HYPOTHESES
from workers.whisper.transcription.words import TimedWord

log = logging.getLogger("nexa.whisper")

TIMESTAMPS = 1501
"""From 0.00 s to 30.00 s."""


MAX_CACHE_BYTES = 4 * 1024**3
"""What the decoder may hold of the recordings. Chunks that need more are decoded one after the other."""


class EncodedArray:
    """The encoder's output, shape ``(chunks, frames, width)``."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array

    def take(self, rows: list[int]) -> EncodedArray:
        """The given rows, in this order."""
        return self if rows == list(range(len(self.array))) else EncodedArray(self.array[rows])


class OnnxWhisper:
    """A loaded model (a :class:`~workers.whisper.transcription.model.SpeechModel`).

    Raises:
        EngineLoadError: the folder holds no usable model, or the provider cannot run it.
    """

    def __init__(self, options: WhisperOptions, provider: str) -> None:
        folder = WhisperFolder.read(Path(options.model_path))
        self._folder = folder
        self._tokenizer = WhisperTokenizer(folder.tokenizer)
        self._check_vocabulary()
        self._encoder = open_session(folder.encoder, provider, options.threads)
        self._check_encoder()
        self.decoder = WhisperDecoder(folder, provider, options.threads)
        self.rules = Rules.of(folder, self._tokenizer)
        self.max_tokens = folder.positions // 2
        self._random = np.random.default_rng(0)
        self.features = FeatureExtractor(folder.mels)
        self.multilingual = folder.multilingual
        self.languages = list(self._tokenizer.languages) if self.multilingual else ["en"]
        self.timestamp_begin = self._tokenizer.timestamp_begin
        self.times_words = self.decoder.times_words
        log.info("model loaded", extra={"encoder": folder.encoder.name, "provider": str(provider)})

    def close(self) -> None:
        """Free the weights."""
        del self._encoder, self.decoder

    def encode(self, features: list[Features]) -> EncodedArray:
        """Run the encoder, chunk by chunk: the attentions of several do not fit into a CPU's caches."""
        given = self._encoder.get_inputs()[0]
        kind = np.float16 if given.type == "tensor(float16)" else np.float32
        rows = [self._encoder.run(None, {given.name: each[None].astype(kind, copy=False)})[0] for each in features]
        return EncodedArray(np.concatenate(rows))

    def join(self, parts: list[EncodedArray]) -> EncodedArray:
        """The rows of several batches as one batch."""
        return parts[0] if len(parts) == 1 else EncodedArray(np.concatenate([part.array for part in parts]))

    def detect_languages(self, encoded: EncodedArray) -> list[tuple[str, float]]:
        """The most probable language of each chunk, and its probability among all languages."""
        starts = np.full((len(encoded.array), 1), self._tokenizer.start, np.int64)
        logits, _ = self.decoder.begin(encoded.array, starts)
        codes = self.languages
        shares = softmax(logits[:, 0, [self._tokenizer.languages[code] for code in codes]])
        return [(codes[int(row.argmax())], float(row.max())) for row in shares]

    def prompt_tokens(self, text: str | None) -> list[int]:
        """The tokens of the request's ``prompt``, which the model reads as preceding text; cut to the last that fit."""
        tokens = self._tokenizer.encode(" " + text.strip()) if text and text.strip() else []
        return tokens[-(self._folder.positions // 2 - 1) :]

    def start_tokens(self, language: str, task: SpeechTask, previous: list[int]) -> list[int]:
        """The tokens that the decoder continues. Their number depends only on the length of ``previous``."""
        before = [self._tokenizer.previous, *previous] if previous else []
        return [*before, *self._opening(language, task)]

    def generate(
        self, encoded: EncodedArray, starts: list[list[int]], temperature: float, beam_size: int
    ) -> list[Attempt]:
        """Decode each chunk. All ``starts`` must have the same length; languages and tasks may differ.

        Sampling uses one generator, seeded when the model was loaded.
        """
        rows_each = SAMPLED_HYPOTHESES if temperature > 0 else beam_size
        together = max(1, MAX_CACHE_BYTES // (rows_each * self._folder.row_bytes))
        parts = [list(range(begin, min(begin + together, len(starts)))) for begin in range(0, len(starts), together)]
        return [
            attempt
            for part in parts
            for attempt in self._generate(encoded.take(part), [starts[row] for row in part], temperature, beam_size)
        ]

    def _generate(
        self, encoded: EncodedArray, starts: list[list[int]], temperature: float, beam_size: int
    ) -> list[Attempt]:
        logits, rows = self.decoder.begin(encoded.array, np.array(starts, np.int64))
        silence = softmax(logits[:, starts[0].index(self._tokenizer.start)])[:, self._tokenizer.no_speech]
        max_tokens = min(self.max_tokens, self._folder.positions - len(starts[0]))
        chunks: list[ChunkSearch] = [
            TextSampling(SAMPLED_HYPOTHESES, self._tokenizer.end, max_tokens, temperature, self._random)
            if temperature > 0
            else BeamSearch(beam_size, self._tokenizer.end, max_tokens)
            for _ in starts
        ]
        search(chunks, logits[:, -1], self.rules, rows, lambda tokens: self.decoder.advance(rows, tokens))
        return [
            self._attempt(chunk.best, temperature, float(no_speech))
            for chunk, no_speech in zip(chunks, silence, strict=True)
        ]

    def text_of(self, tokens: list[int]) -> str:
        """The text of ``tokens`` without special tokens."""
        return self._tokenizer.text_of(tokens)

    def text_tokens(self, tokens: list[int]) -> list[int]:
        """``tokens`` without special tokens."""
        return self._tokenizer.text_tokens(tokens)

    def align(
        self, encoded: EncodedArray, language: str, task: SpeechTask, texts: list[list[int]], durations_s: list[float]
    ) -> list[list[TimedWord]]:
        """The times of each chunk's words; ``texts`` holds the chunks' tokens without timestamps.

        Punctuation is part of the neighbouring word.
        """
        end = self._tokenizer.end
        opening = self._opening(language, task)
        whole = [[*opening, self._tokenizer.no_timestamps, *text, end] for text in texts]
        longest = max(map(len, whole))
        padded = np.array([[*tokens, *[end] * (longest - len(tokens))] for tokens in whole], np.int64)
        logits, attentions = self.decoder.attend(encoded.array, padded, self._folder.alignment_heads)
        timed = []
        for row, (text, duration_s) in enumerate(zip(texts, durations_s, strict=True)):
            frames = min(max(1, round(duration_s * FRAMES_PER_S)), attentions.shape[-1])
            starts = starts_of(attentions[row, :, : len(whole[row]), :frames], len(opening))
            shares = softmax(logits[row, len(opening) : len(opening) + len(text), :end])
            probabilities = shares[np.arange(len(text)), text]
            timed.append(timed_words(self._tokenizer.words(text, language), starts, probabilities))
        return timed

    def _opening(self, language: str, task: SpeechTask) -> list[int]:
        tokenizer = self._tokenizer
        if not self.multilingual:
            return [tokenizer.start]
        return [tokenizer.start, tokenizer.languages[language], tokenizer.tasks[task]]

    def _attempt(self, best: Hypothesis, temperature: float, no_speech: float) -> Attempt:
        logprob = best.score / (len(best.tokens) + 1)  # the end token counts too
        return Attempt(temperature, best.tokens, self.text_of(best.tokens), logprob, no_speech)

    def _check_encoder(self) -> None:
        names = [given.name for given in self._encoder.get_inputs()]
        if len(names) != 1:
            raise EngineLoadError(
                f"{self._folder.encoder}: expected an encoder with the input input_features, got {', '.join(names[:4])}"
            )

    def _check_vocabulary(self) -> None:
        needed, has = self._tokenizer.timestamp_begin + TIMESTAMPS, self._folder.vocabulary
        if has < needed:
            raise EngineLoadError(
                f"{self._folder.tokenizer}: expected a tokenizer of the {has} tokens in config.json, got {needed}"
            )


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities along the last axis."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True), np.float32)
