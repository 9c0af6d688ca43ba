"""Which orders a pipeline in ONNX can take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.wire.jobs import ImageJob
from shared.wire.payloads import JobError
from shared.wire.pictures import PictureDefaults, PictureFeature, PictureInfo, WantedLora
from workers.diffusion.loras import Lora
from workers.diffusion.rules import check_name
from workers.onnx.images.sampling.samplers import SAMPLER_NAMES
from workers.onnx.images.sampling.schedules import SCHEDULER_NAMES

DEFAULT_SIDE = 512
"""In pixels, where a request names no size."""

_LORA = re.compile(r"<lora:[^<>]*>", re.IGNORECASE)


@dataclass(slots=True)
class OnnxRules:
    """The rules of one model, known when it is loaded.

    ``size`` is the only one that it paints, if there is only one. ``layers`` is the largest ``clip_skip``.
    """

    has_encoder: bool = True
    layers: int = 1
    size: tuple[int | None, int | None] = (None, None)

    @property
    def info(self) -> PictureInfo:
        """What the model is and can do."""
        width, height = (side or DEFAULT_SIDE for side in self.size)
        features: tuple[PictureFeature, ...] = ("text", "previews")
        if self.has_encoder:
            features += ("edit", "mask")
        return PictureInfo(defaults=PictureDefaults(width=width, height=height), features=features)

    def check(self, work: ImageJob) -> None:
        check_name("sampler", work.sampler, SAMPLER_NAMES)
        check_name("scheduler", work.scheduler, SCHEDULER_NAMES)
        if work.clip_skip > self.layers:
            reason = "" if self.layers > 1 else ": text encoders in ONNX give only their last layer"
            message = f"clip_skip: expected at most {self.layers}, got {work.clip_skip}{reason}"
            raise JobError(400, message, "clip_skip")
        if work.init is not None and not self.has_encoder:
            raise JobError(400, "image: this model takes no input pictures: it has no vae_encoder", "image")
        for name, side, only in zip(("width", "height"), (work.width, work.height), self.size, strict=True):
            if only is not None and side != only:
                raise JobError(400, f"{name}: expected {only}, the only one of this model, got {side}", name)

    def check_memory(self, work: ImageJob) -> None:
        """onnxruntime says itself what it cannot allocate."""

    def take_loras(self, prompt: str, wanted: Sequence[WantedLora]) -> tuple[str, list[Lora]]:
        if wanted:
            raise JobError(400, "loras: cannot be used with a model in ONNX, whose weights are fixed", "loras")
        if _LORA.search(prompt):
            message = "prompt: <lora:...> cannot be used with a model in ONNX, whose weights are fixed"
            raise JobError(400, message, "prompt")
        return prompt, []
