"""From a prompt to what the UNet listens to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.engine import EngineLoadError
from workers.onnx.images.graph import Feed, Floats, Graph, as_floats
from workers.onnx.images.prompts.emphasis import WeightedText, weighted_texts
from workers.onnx.images.prompts.tokens import ClipTokenizer, PromptChunk

PENULTIMATE = 2
"""The layer that Stable Diffusion XL takes, counted from the end."""

_HIDDEN = re.compile(r"hidden_states[._](\d+)")


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """``states``: 1 x tokens x width. ``pooled``: 1 x width, only of Stable Diffusion XL."""

    states: Floats
    pooled: Floats | None


class TextEncoder:
    """A tokenizer and its encoder, which gives the states of its last layer, or of all and a pooled vector."""

    def __init__(self, tokenizer: ClipTokenizer, graph: Graph, has_layers: bool) -> None:
        """Check the graph.

        Raises:
            EngineLoadError: it lacks an input or output.
        """
        graph.expect("input_ids")
        self._tokenizer = tokenizer
        self._graph = graph
        hidden = [(int(found[1]), name) for name in graph.outputs if (found := _HIDDEN.fullmatch(name))]
        self._layers = [name for _, name in sorted(hidden)] if has_layers else []
        if has_layers and len(self._layers) < PENULTIMATE:
            raise EngineLoadError(
                f"{graph.name}/model.onnx: expected outputs hidden_states.N for Stable Diffusion XL, got "
                f"{', '.join(graph.outputs)[:200]}"
            )

    @property
    def layers(self) -> int:
        """The largest ``clip_skip``; 1 if there is only the last layer."""
        return max(len(self._layers), 1)

    def chunks(self, texts: Sequence[WeightedText]) -> list[PromptChunk]:
        """The tokens of a prompt."""
        return self._tokenizer.chunks(texts)

    def empty_chunk(self) -> PromptChunk:
        """The tokens of no text."""
        return self._tokenizer.empty_chunk()

    def encode(self, chunks: Sequence[PromptChunk], clip_skip: int) -> EncodedPrompt:
        """The states of all chunks one after the other, and the pooled vector of the first one.

        Raises:
            PaintError: the graph failed, or the picture is cancelled.
        """
        outputs = [self._graph.run(self._feeds(chunk)) for chunk in chunks]
        name = self._layers[-(clip_skip or PENULTIMATE)] if self._layers else self._graph.outputs[0]
        states = [_weighted(as_floats(output[name]), chunk) for output, chunk in zip(outputs, chunks, strict=True)]
        pooled = outputs[0].get("text_embeds") if self._layers else None
        return EncodedPrompt(np.concatenate(states, axis=1), None if pooled is None else as_floats(pooled))

    def _feeds(self, chunk: PromptChunk) -> dict[str, Feed]:
        ids = np.array([chunk.ids])
        extra = {"attention_mask": np.ones_like(ids), "position_ids": np.arange(ids.shape[1])[None]}
        return {"input_ids": ids, **{name: value for name, value in extra.items() if name in self._graph.shapes}}


class PromptReader:
    """All text encoders of a pipeline: one, or the two of Stable Diffusion XL."""

    def __init__(self, encoders: Sequence[TextEncoder], max_chunks: int | None, zeros_for_nothing: bool) -> None:
        """``max_chunks`` is None if the UNet takes any number. With ``zeros_for_nothing``, an empty negative prompt is
        zeros instead of the states of an empty text."""
        self._encoders = encoders
        self._max_chunks = max_chunks
        self._zeros_for_nothing = zeros_for_nothing

    @property
    def layers(self) -> int:
        """The largest ``clip_skip``."""
        return min(encoder.layers for encoder in self._encoders)

    def read(self, prompt: str, negative: str | None, clip_skip: int) -> tuple[EncodedPrompt, EncodedPrompt | None]:
        """The prompt and the negative one, of equal length. More than ``max_chunks`` chunks are cut off.

        Raises:
            PaintError: a graph failed, or the picture is cancelled.
        """
        texts = [weighted_texts(text) for text in (prompt, negative) if text is not None]
        parts = [self._encode(encoder, texts, clip_skip) for encoder in self._encoders]
        found = [_side_by_side([part[index] for part in parts]) for index in range(len(texts))]
        if negative is not None and not negative.strip() and self._zeros_for_nothing:
            found[1] = EncodedPrompt(
                np.zeros_like(found[1].states), None if found[1].pooled is None else np.zeros_like(found[1].pooled)
            )
        return found[0], found[1] if len(found) > 1 else None

    def _encode(self, encoder: TextEncoder, texts: list[list[WeightedText]], clip_skip: int) -> list[EncodedPrompt]:
        chunks = [encoder.chunks(text)[: self._max_chunks] for text in texts]
        longest = max(map(len, chunks))
        filled = [[*found, *[encoder.empty_chunk()] * (longest - len(found))] for found in chunks]
        return [encoder.encode(found, clip_skip) for found in filled]


def _side_by_side(parts: list[EncodedPrompt]) -> EncodedPrompt:
    """The states of several encoders as one; the tokens that only one of them has, stand beside zeros."""
    longest = max(part.states.shape[1] for part in parts)
    padded = [np.pad(part.states, ((0, 0), (0, longest - part.states.shape[1]), (0, 0))) for part in parts]
    return EncodedPrompt(np.concatenate(padded, axis=2), parts[-1].pooled)


def _weighted(states: Floats, chunk: PromptChunk) -> Floats:
    """The states times the weights of their tokens, with the mean that they had before."""
    if not chunk.is_weighted:
        return states
    before = states.astype(np.float64)
    after = before * np.array(chunk.weights)[None, :, None]
    mean = after.mean()
    scaled = after * (before.mean() / mean) if abs(mean) > np.finfo(np.float32).tiny else after
    largest = np.finfo(np.float16).max
    bounded: Floats = np.clip(scaled, -float(largest), float(largest)).astype(np.float32)
    return bounded
