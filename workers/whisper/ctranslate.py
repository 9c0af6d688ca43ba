"""A Whisper model in CTranslate2: spectrograms in, tokens, languages and word times out."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.feature_extractor import FeatureExtractor
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens, merge_punctuations
from numpy.typing import NDArray

from shared.wire.jobs import SpeechTask
from workers.engine import EngineLoadError
from workers.whisper.audio.notices import Features
from workers.whisper.audio.pcm import CHUNK_SAMPLES, Samples
from workers.whisper.options import WhisperOptions
from workers.whisper.transcription.fallback import Attempt
from workers.whisper.transcription.model import SAMPLED_HYPOTHESES
from workers.whisper.transcription.words import TimedWord

log = logging.getLogger("nexa.whisper")

NEEDED_FILES = ("model.bin", "config.json", "tokenizer.json")


class EncodedView:
    """The encoder's output for a batch of chunks, in CTranslate2's memory."""

    def __init__(self, view: Any, rows: int) -> None:
        self.view = view
        self._rows = rows

    def take(self, rows: list[int]) -> EncodedView:
        """The given rows, in this order."""
        if rows == list(range(self._rows)):
            return self
        if self.view.device != "cpu":
            self.view = self.view.to_device(ctranslate2.Device.cpu)
        return EncodedView.of(np.asarray(self.view)[rows])

    @staticmethod
    def of(array: NDArray[Any]) -> EncodedView:
        """The rows of an array of shape ``(chunks, frames, width)``."""
        contiguous = np.ascontiguousarray(array)
        return EncodedView(ctranslate2.StorageView.from_array(contiguous), len(contiguous))


class CTranslateModel:
    """A loaded model (a :class:`~workers.whisper.transcription.model.SpeechModel`).

    Raises:
        EngineLoadError: the folder holds no usable model, or the device cannot run it.
    """

    times_words = True

    def __init__(self, options: WhisperOptions) -> None:
        self._on_cpu = options.on_cpu
        folder = Path(options.model_path)
        missing = [name for name in NEEDED_FILES if not (folder / name).is_file()]
        if missing:  # without a tokenizer, the library would download one
            raise EngineLoadError(
                f"{folder}: expected a Whisper model in CTranslate2's format, but {missing[0]} is missing"
            )
        try:
            self._whisper = WhisperModel(
                str(folder),
                device="cpu" if self._on_cpu else "cuda",
                compute_type=_compute_type(options),
                cpu_threads=options.threads,
                num_workers=1,
                local_files_only=True,
            )
            self._whisper.hf_tokenizer.encode_special_tokens = True  # the text of one in a prompt is text
            self._native = self._whisper.model
            self._extractor = FeatureExtractor(feature_size=self._native.n_mels)
            self.multilingual = bool(self._native.is_multilingual)
            self._tokenizer = self._tokenizer_for("en", SpeechTask.TRANSCRIBE)
            self._suppressed = [token for token in get_suppressed_tokens(self._tokenizer, [-1]) if token is not None]
            self.timestamp_begin = int(self._tokenizer.timestamp_begin)
        except Exception as error:
            raise EngineLoadError(f"{folder}: {' '.join(str(error).split())}") from error
        self.languages = [code for code in self._whisper.supported_languages if self._knows(code)]
        ctranslate2.set_random_seed(0)
        log.info("model loaded", extra={"compute_type": self._native.compute_type, "device": self._native.device})

    def close(self) -> None:
        """Free the weights."""
        self._native.unload_model()

    def features(self, samples: Samples) -> Features:
        """The log-Mel spectrogram of a chunk, padded with silence to 30 s."""
        sound = np.zeros(CHUNK_SAMPLES, np.float32)
        sound[: len(samples)] = samples.astype(np.float32) / 32768.0
        spectrogram: Features = self._extractor(sound, padding=0).astype(np.float32)
        return spectrogram

    def encode(self, features: list[Features]) -> EncodedView:
        """Run the encoder.

        On a CPU, chunk by chunk: a batch takes twice as long, because the attention matrices no longer fit into the
        CPU's caches.
        """
        if self._on_cpu:
            return self.join([EncodedView(self._whisper.encode(one), 1) for one in features])
        return EncodedView(self._whisper.encode(np.stack(features)), len(features))

    def join(self, parts: list[EncodedView]) -> EncodedView:
        """The rows of several batches as one batch."""
        if len(parts) == 1:
            return parts[0]
        arrays = [np.asarray(part.view.to_device(ctranslate2.Device.cpu)) for part in parts]
        return EncodedView.of(np.concatenate(arrays))

    def detect_languages(self, encoded: EncodedView) -> list[tuple[str, float]]:
        """The most probable language of each chunk (a code such as ``en``), and its probability."""
        results = self._native.detect_language(encoded.view)
        return [(ranking[0][0][2:-2], float(ranking[0][1])) for ranking in results]

    def prompt_tokens(self, text: str | None) -> list[int]:
        """The tokens of the request's ``prompt``, which the model reads as preceding text; cut to the last that fit."""
        tokens = self._tokenizer.encode(" " + text.strip()) if text and text.strip() else []
        return self.text_tokens(tokens)[-(self._whisper.max_length // 2 - 1) :]

    def start_tokens(self, language: str, task: SpeechTask, previous: list[int]) -> list[int]:
        """The tokens that the decoder continues. Their number depends only on the length of ``previous``."""
        return list(self._whisper.get_prompt(self._tokenizer_for(language, task), previous))

    def generate(
        self, encoded: EncodedView, starts: list[list[int]], temperature: float, beam_size: int
    ) -> list[Attempt]:
        """Decode each chunk. All ``starts`` must have the same length; languages and tasks may differ.

        Sampling uses one generator, seeded when the model was loaded.
        """
        searching: dict[str, Any] = {"beam_size": beam_size, "patience": 1}
        sampling: dict[str, Any] = {
            "beam_size": 1,
            "num_hypotheses": SAMPLED_HYPOTHESES,
            "sampling_topk": 0,
            "sampling_temperature": temperature,
        }
        results = self._native.generate(
            encoded.view,
            starts,
            max_length=self._whisper.max_length,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_tokens=self._suppressed,
            **(sampling if temperature > 0 else searching),
        )
        return [self._attempt(result, temperature) for result in results]

    def text_of(self, tokens: list[int]) -> str:
        """The text of ``tokens`` without special tokens."""
        return str(self._tokenizer.decode(tokens))

    def text_tokens(self, tokens: list[int]) -> list[int]:
        """``tokens`` without special tokens."""
        return [token for token in tokens if token < self._tokenizer.eot]

    def align(
        self, encoded: EncodedView, language: str, task: SpeechTask, texts: list[list[int]], durations_s: list[float]
    ) -> list[list[TimedWord]]:
        """The times of each chunk's words; ``texts`` holds the chunks' tokens without timestamps.

        Punctuation is part of the neighbouring word.
        """
        frames = [max(2, round(duration_s * self._whisper.frames_per_second)) for duration_s in durations_s]
        tokenizer = self._tokenizer_for(language, task)
        alignments = self._whisper.find_alignment(tokenizer, texts, encoded.view, frames)
        for alignment in alignments:
            merge_punctuations(alignment, "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、")  # noqa: RUF001
        return [[_timed(word) for word in alignment] for alignment in alignments]

    def _attempt(self, result: Any, temperature: float) -> Attempt:
        tokens = list(result.sequences_ids[0])
        logprob = result.scores[0] * len(tokens) / (len(tokens) + 1)  # the end token counts too
        return Attempt(temperature, tokens, self.text_of(tokens), float(logprob), float(result.no_speech_prob))

    def _tokenizer_for(self, language: str, task: SpeechTask) -> Any:
        return Tokenizer(self._whisper.hf_tokenizer, self.multilingual, task=task.value, language=language)

    def _knows(self, language: str) -> bool:
        return not self.multilingual or self._whisper.hf_tokenizer.token_to_id(f"<|{language}|>") is not None


def _compute_type(options: WhisperOptions) -> str:
    if options.compute_type != "default":
        return options.compute_type
    device, wanted = ("cpu", "int8") if options.on_cpu else ("cuda", "int8_float16")
    return wanted if wanted in ctranslate2.get_supported_compute_types(device) else "default"


def _timed(word: dict[str, Any]) -> TimedWord:
    return TimedWord(
        str(word["word"]), len(word["tokens"]), float(word["start"]), float(word["end"]), float(word["probability"])
    )
