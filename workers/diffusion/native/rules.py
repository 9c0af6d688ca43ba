"""Which orders stable-diffusion.cpp can take: it ends the process on some that it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.engines.diffusion_names import HIRES_UPSCALERS, SAMPLERS, SCHEDULERS
from shared.memory.pictures.needs import PaintingNeeds
from shared.wire.jobs import ImageJob
from shared.wire.payloads import JobError
from shared.wire.pictures import Hires, PictureInfo, WantedLora
from workers.diffusion.lora_fit import LoraFit
from workers.diffusion.loras import Lora, take_loras
from workers.diffusion.rules import check_name
from workers.main_memory import main_memory

MAX_HIRES_SCALE = 4.0

GB = 1e9

MIN_STEPS = {"exponential": 2, "gits": 2, "karras": 2, "kl_optimal": 2}
"""The library divides by zero with these schedulers and fewer steps, or crashes."""


@dataclass(frozen=True, slots=True)
class NativeRules:
    """The rules of one model, whose LoRAs are in ``lora_folder`` and must ``fit`` it. ``info`` is what it is.

    ``needs`` tells what its pictures take of the main memory; None if it is not known.
    """

    lora_folder: str
    fit: LoraFit
    info: PictureInfo
    needs: PaintingNeeds | None = None
    has_upscaler: bool = False

    def check(self, work: ImageJob) -> None:
        check_name("sampler", work.sampler, SAMPLERS)
        check_name("scheduler", work.scheduler, SCHEDULERS)
        least = MIN_STEPS.get(work.scheduler or "", 1)
        if (work.steps or 0) < least:
            message = f"scheduler: {work.scheduler} needs at least {least} sample_steps, got {work.steps}"
            raise JobError(400, message, "scheduler")
        if work.hires is not None:
            self._check_hires(work, work.hires)

    def check_memory(self, work: ImageJob) -> None:
        if self.needs is None:
            return
        needed, free = self.needs.bytes_for(work.width, work.height), main_memory().free_bytes
        if needed > free:
            figures = f"which takes about {needed / GB:.1f} GB, and {free / GB:.1f} GB are free"
            got = f"{work.width}x{work.height}, {figures}"
            raise JobError(400, f"size: expected a picture for which the memory suffices, got {got}", "size")

    def take_loras(self, prompt: str, wanted: Sequence[WantedLora]) -> tuple[str, list[Lora]]:
        text, loras = take_loras(prompt, self.lora_folder, wanted)
        for lora in loras:
            self.fit.check(lora.path)
        return text, loras

    def _check_hires(self, work: ImageJob, hires: Hires) -> None:
        check_name("hires.upscaler", hires.upscaler, HIRES_UPSCALERS)
        if hires.upscaler == "model" and not self.has_upscaler:
            raise JobError(400, "hires.upscaler: this model has no upscaler", "hires")
        if not 1.0 < hires.scale <= MAX_HIRES_SCALE:
            raise JobError(
                400, f"hires.scale: expected more than 1, up to {MAX_HIRES_SCALE:g}, got {hires.scale:g}", "hires"
            )
        if not 0.0 < hires.strength <= 1.0:
            raise JobError(400, f"hires.strength: expected more than 0, up to 1, got {hires.strength:g}", "hires")
        if (hires.steps or work.steps or 1) < MIN_STEPS.get(work.scheduler or "", 1):
            raise JobError(400, f"hires.steps: {work.scheduler} needs more, got {hires.steps}", "hires")
        if work.init is not None or work.mask is not None or work.control is not None:
            raise JobError(400, "hires: expected a request without input and control pictures", "hires")
