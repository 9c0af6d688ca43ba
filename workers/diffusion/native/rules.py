"""Which orders stable-diffusion.cpp can take: it ends the process on some that it cannot."""

from __future__ import annotations

from dataclasses import dataclass

from shared.engines.diffusion_names import SAMPLERS, SCHEDULERS
from shared.wire.jobs import ImageJob
from shared.wire.payloads import JobError
from shared.wire.pictures import PictureInfo
from workers.diffusion.lora_fit import LoraFit
from workers.diffusion.loras import Lora, take_loras
from workers.diffusion.rules import check_name

MIN_GITS_STEPS = 2
"""The library crashes with this scheduler and fewer steps."""


@dataclass(frozen=True, slots=True)
class NativeRules:
    """The rules of one model, whose LoRAs are in ``lora_folder`` and must ``fit`` it. ``info`` is what it is."""

    lora_folder: str
    fit: LoraFit
    info: PictureInfo

    def check(self, work: ImageJob) -> None:
        check_name("sampler", work.sampler, SAMPLERS)
        check_name("scheduler", work.scheduler, SCHEDULERS)
        if work.scheduler == "gits" and (work.steps or 0) < MIN_GITS_STEPS:
            raise JobError(
                400, f"scheduler: gits needs at least {MIN_GITS_STEPS} sample_steps, got {work.steps}", "scheduler"
            )

    def take_loras(self, prompt: str) -> tuple[str, list[Lora]]:
        text, loras = take_loras(prompt, self.lora_folder)
        for lora in loras:
            self.fit.check(lora.path)
        return text, loras
