"""The UNet: from noisy latents and texts to the latents without noise."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from workers.engine import EngineLoadError
from workers.onnx.images.graph import Feed, Floats, Graph, as_floats
from workers.onnx.images.prompts.encoders import EncodedPrompt
from workers.onnx.images.prompts.tokens import CONTEXT_TOKENS
from workers.onnx.images.sampling.levels import NoiseLevels

PLAIN_CHANNELS, INPAINTING_CHANNELS = 4, 9
MAX_BATCHED = 64 * 64
"""Latents up to which both halves of guidance are computed at once; with more, they would take too much memory."""

_GUIDANCE_WIDTH = 256
_SIZES = 6
"""Numbers about the picture's size that Stable Diffusion XL is told."""

_PREDICTIONS: Mapping[str, Callable[[Floats, Floats, float], Floats]] = {
    "epsilon": lambda x, found, sigma: x - np.float32(sigma) * found,
    "v_prediction": lambda x, found, sigma: (
        x * np.float32(1 / (1 + sigma**2)) - found * np.float32(sigma / math.sqrt(1 + sigma**2))
    ),
    "sample": lambda x, found, sigma: found,
}
"""What the UNet finds, as x0. Sources: Ho et al. 2020; Salimans and Ho 2022, "Progressive distillation", appendix D."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a picture should be like. Without ``negative`` there is no guidance.

    ``sizes`` are what Stable Diffusion XL is told: height and width of the whole picture, the place of its top left
    corner, height and width again. ``inpainting`` is what a UNet for inpainting sees beside the latents: the mask and
    the latents of what is kept, 1 x 5 x height x width.
    """

    positive: EncodedPrompt
    negative: EncodedPrompt | None
    guidance: float
    sizes: tuple[int, int, int, int, int, int]
    inpainting: Floats | None = None


class UNet:
    """A UNet of Stable Diffusion 1, 2 or XL, of a latent consistency model, or one for inpainting."""

    def __init__(self, graph: Graph, levels: NoiseLevels, prediction: str) -> None:
        """Check the graph.

        Raises:
            EngineLoadError: it is another model's.
        """
        graph.expect("sample", "timestep", "encoder_hidden_states")
        if prediction not in _PREDICTIONS:
            raise EngineLoadError(
                f"scheduler_config.json: prediction_type: expected one of {', '.join(_PREDICTIONS)}, got "
                f"{prediction[:40]!r}"
            )
        self.channels = graph.fixed("sample", 1) or PLAIN_CHANNELS
        if self.channels not in (PLAIN_CHANNELS, INPAINTING_CHANNELS):
            raise EngineLoadError(f"unet/model.onnx: expected 4 or 9 channels of sample, got {self.channels}")
        if "time_ids" in graph.shapes and graph.fixed("time_ids", 1) not in (None, _SIZES):
            raise EngineLoadError(f"unet/model.onnx: expected {_SIZES} time_ids, got {graph.fixed('time_ids', 1)}")
        self._graph = graph
        self._levels = levels
        self._found_as_x0 = _PREDICTIONS[prediction]

    @property
    def is_distilled_with_guidance(self) -> bool:
        """Whether it is told the guidance scale, as latent consistency models are."""
        return "timestep_cond" in self._graph.shapes

    @property
    def max_chunks(self) -> int | None:
        """How many chunks of text it takes; None for any number."""
        length = self._graph.fixed("encoder_hidden_states", 1)
        return None if length is None else max(length // CONTEXT_TOKENS, 1)

    @property
    def latent_size(self) -> tuple[int | None, int | None]:
        """The only width and height of the latents, where there is only one."""
        return self._graph.fixed("sample", 3), self._graph.fixed("sample", 2)

    def denoise(self, x: Floats, sigma: float, conditions: Conditions, is_last: bool = False) -> Floats:
        """x0 of the noisy latents ``x``, 1 x 4 x height x width. After the last one the memory is given back.

        Raises:
            PaintError: the graph failed, or the picture is cancelled.
        """
        sample = x * np.float32(1 / math.sqrt(1 + sigma**2))
        if conditions.inpainting is not None:
            sample = np.concatenate([sample, conditions.inpainting], axis=1)
        found = self._predict(sample, self._levels.time_of(sigma), conditions, is_last)
        return self._found_as_x0(x, found, sigma)

    def _predict(self, sample: Floats, time: float, conditions: Conditions, is_last: bool) -> Floats:
        """What the UNet finds, with classifier-free guidance: Ho and Salimans 2022."""
        if conditions.negative is None:
            return self._run(sample, time, [conditions.positive], conditions, is_last)[:1]
        fixed = self._graph.fixed("sample", 0)
        if fixed == 1 or (fixed is None and sample.shape[2] * sample.shape[3] > MAX_BATCHED):
            without, with_text = (
                self._run(sample, time, [each], conditions, is_last)
                for each in (conditions.negative, conditions.positive)
            )
        else:
            without, with_text = np.split(
                self._run(sample, time, [conditions.negative, conditions.positive], conditions, is_last)[:2], 2
            )
        return without + np.float32(conditions.guidance) * (with_text - without)

    def _run(
        self, sample: Floats, time: float, encoded: list[EncodedPrompt], conditions: Conditions, is_last: bool
    ) -> Floats:
        encoded = encoded + encoded[-1:] * ((self._graph.fixed("sample", 0) or 0) - len(encoded))
        count = len(encoded)
        feeds: dict[str, Feed] = {
            "sample": np.repeat(sample, count, axis=0),
            "timestep": self._timestep(time, count),
            "encoder_hidden_states": np.concatenate([each.states for each in encoded]),
        }
        if self.is_distilled_with_guidance:
            width = self._graph.fixed("timestep_cond", 1) or _GUIDANCE_WIDTH
            feeds["timestep_cond"] = np.repeat(_guidance_embedding(conditions.guidance, width), count, axis=0)
        if "text_embeds" in self._graph.shapes:
            feeds["text_embeds"] = np.concatenate([each.pooled for each in encoded if each.pooled is not None])
            feeds["time_ids"] = np.repeat(np.array([conditions.sizes], np.float32), count, axis=0)
        return as_floats(next(iter(self._graph.run(feeds, shrinks=is_last).values())))

    def _timestep(self, time: float, count: int) -> Feed:
        """The time as the graph wants it: a number, one in a list, or one for each picture of the batch."""
        shape = self._graph.shapes["timestep"]
        if not shape:
            return np.array(time)
        has_batch = isinstance(shape[0], str) and shape[0] == self._graph.shapes["sample"][0]
        return np.full(count if has_batch else self._graph.fixed("timestep", 0) or 1, time)


def _guidance_embedding(guidance: float, width: int) -> Floats:
    """The guidance scale as sines and cosines: Luo et al. 2023, "Latent consistency models", appendix."""
    half = width // 2
    angles = (guidance - 1.0) * 1000.0 * np.exp(-math.log(10_000.0) * np.arange(half) / (half - 1))
    return np.concatenate([np.sin(angles), np.cos(angles), np.zeros(width % 2)])[None].astype(np.float32)
