"""The decoder's graphs: from tokens and caches to logits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime import OrtValue

from shared.engines.onnx.providers import OnnxProvider
from workers.engine import EngineLoadError
from workers.onnx.session import open_session
from workers.onnx.speech.folder import WhisperFolder

CHOICE = "use_cache_branch"
"""An input of merged decoders: whether there are caches."""

PAST, PRESENT = "past_key_values.", "present."
OWN = ".decoder."
"""In the names of caches of earlier tokens; those of the recording have ``.encoder.`` there."""

ATTENTIONS = "cross_attentions."

_TYPES: dict[str, type[np.floating[Any]]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


@dataclass(slots=True)
class Rows:
    """The caches of the rows of a batch, by the names of the decoder's inputs.

    ``own`` ones are of the tokens so far, ``heard`` ones of the recording.
    """

    own: dict[str, OrtValue]
    heard: dict[str, OrtValue]
    device: str

    def take(self, rows: list[int]) -> None:
        """Keep the given rows, in this order, perhaps several times."""
        self.own = self._taken(self.own, rows)
        self.heard = self._taken(self.heard, rows)

    def reorder(self, rows: list[int]) -> None:
        """Let each row go on from the tokens of another one of the same recording."""
        if rows != list(range(len(rows))):
            self.own = self._taken(self.own, rows)

    def _taken(self, caches: dict[str, OrtValue], rows: list[int]) -> dict[str, OrtValue]:
        return {name: value_of(cache.numpy()[rows], self.device) for name, cache in caches.items()}


class WhisperDecoder:
    """The decoder of a model, as one merged graph or as two.

    Raises:
        EngineLoadError: a graph cannot be opened, or is not a decoder of Whisper.
    """

    def __init__(self, folder: WhisperFolder, provider: str, threads: int) -> None:
        files = folder.decoders
        self._first = open_session(files.first, provider, threads)
        self._next = self._first if files.next is None else open_session(files.next, provider, threads)
        self._folder = folder
        self._device = "cuda" if OnnxProvider(provider).needs_cuda else "cpu"
        self._inputs = {each.name: each.type for each in (*self._first.get_inputs(), *self._next.get_inputs())}
        self._merged = CHOICE in self._inputs
        outputs = [each.name for each in self._first.get_outputs()]
        self._caches = [name for name in outputs if name.startswith(PRESENT)]
        self._own = [name for name in self._caches if OWN in name]
        self.attentions = sorted(name for name in outputs if name.startswith(ATTENTIONS))
        self._check(files.first, outputs)
        self._past = [name for name in self._inputs if name.startswith(PAST)]

    @property
    def times_words(self) -> bool:
        """Whether the graph tells the attentions by which words are timed."""
        return len(self.attentions) == self._folder.layers

    def begin(self, encoded: NDArray[Any], tokens: NDArray[np.int64]) -> tuple[NDArray[np.float32], Rows]:
        """Read the first tokens of each row; the logits of shape ``(rows, tokens, vocabulary)``, and the caches."""
        values = self._run(self._first, self._first_inputs(encoded, tokens), ["logits", *self._caches])
        caches = {_past_name(name): value for name, value in zip(self._caches, values[1:], strict=True)}
        own = {name: value for name, value in caches.items() if OWN in name}
        heard = {name: value for name, value in caches.items() if OWN not in name}
        return _floats(values[0]), Rows(own, heard, self._device)

    def advance(self, rows: Rows, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Read one more token of each row, shape ``(rows,)``; the logits of shape ``(rows, vocabulary)``."""
        inputs = {"input_ids": value_of(tokens[:, None], "cpu"), **rows.own, **rows.heard}
        if self._merged:
            nothing = np.zeros((len(tokens), 0, self._folder.width), self._type("encoder_hidden_states"))
            inputs |= {CHOICE: value_of(np.array([True]), "cpu"), "encoder_hidden_states": value_of(nothing, "cpu")}
        values = self._run(self._next, inputs, ["logits", *self._own])
        rows.own = {_past_name(name): value for name, value in zip(self._own, values[1:], strict=True)}
        return _floats(values[0])[:, -1]

    def attend(
        self, encoded: NDArray[Any], tokens: NDArray[np.int64], heads: tuple[tuple[int, int], ...]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The logits after each token, and how much the given heads (by layer) attended to which part of the sound.

        Shapes ``(rows, tokens, vocabulary)`` and ``(rows, heads, tokens, frames of 20 ms)``.
        """
        layers = sorted({layer for layer, _ in heads})
        names = [f"{ATTENTIONS}{layer}" for layer in layers]
        values = self._run(self._first, self._first_inputs(encoded, tokens), ["logits", *names])
        by_layer = dict(zip(layers, map(_floats, values[1:]), strict=True))
        return _floats(values[0]), np.stack([by_layer[layer][:, head] for layer, head in heads], axis=1)

    def _first_inputs(self, encoded: NDArray[Any], tokens: NDArray[np.int64]) -> dict[str, OrtValue]:
        hidden = encoded.astype(self._type("encoder_hidden_states"), copy=False)
        inputs = {"input_ids": value_of(tokens, "cpu"), "encoder_hidden_states": value_of(hidden, self._device)}
        if self._merged:
            side = self._folder.width // self._folder.heads
            shape = (len(tokens), self._folder.heads, 0, side)
            inputs |= {name: value_of(np.zeros(shape, self._type(name)), "cpu") for name in self._past}
            inputs[CHOICE] = value_of(np.array([False]), "cpu")
        return inputs

    def _run(
        self, session: onnxruntime.InferenceSession, inputs: dict[str, OrtValue], outputs: list[str]
    ) -> list[OrtValue]:
        """Run a graph. Logits and attentions come to the CPU's memory, caches stay where they are."""
        binding = session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        for name in outputs:
            binding.bind_output(name, self._device if name.startswith(PRESENT) else "cpu")
        session.run_with_iobinding(binding)
        return list(binding.get_outputs())

    def _type(self, name: str) -> type[np.floating[Any]]:
        return _TYPES.get(self._inputs.get(name, ""), np.float32)

    def _check(self, file: Path, outputs: list[str]) -> None:
        wanted = 4 * self._folder.layers
        if "logits" not in outputs or len(self._caches) != wanted:
            raise EngineLoadError(
                f"{file}: expected a decoder with the outputs logits and {wanted} caches ({PRESENT}0{OWN}key, …), "
                f"got {', '.join(outputs[:4])}"
            )


def value_of(array: NDArray[Any], device: str) -> OrtValue:
    """An array where a graph can read it."""
    return OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), device, 0)


def _past_name(name: str) -> str:
    return PAST + name.removeprefix(PRESENT)


def _floats(value: OrtValue) -> NDArray[np.float32]:
    return np.asarray(value.numpy(), np.float32)
