"""The parameters that a picture was generated with, as text in its file.

It follows the convention of image front ends: the prompt, the negative prompt, and a line of
names and values. Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, ``modules/infotext_utils.py``
"""

from __future__ import annotations

import json

from shared.distribution import version
from shared.wire.jobs import ImageJob


def parameters(job: ImageJob, model: str, sampler: str, scheduler: str) -> str:
    """The parameters of a job's picture as text; ``sampler`` and ``scheduler`` are the ones in use."""
    values: dict[str, str | int | float | None] = {
        "Steps": job.steps,
        "Sampler": sampler,
        "Schedule type": scheduler,
        "CFG scale": job.cfg_scale,
        "Seed": job.seed,
        "Size": f"{job.width}x{job.height}",
        "Model": model,
    }
    if job.init is not None:
        values["Denoising strength"] = job.strength
    if job.guidance is not None:
        values["Distilled CFG Scale"] = job.guidance
    if job.mask is not None and job.mask_blur:
        values["Mask blur"] = job.mask_blur
    if job.clip_skip > 0:
        values["Clip skip"] = job.clip_skip
    values["Version"] = f"nexa {version() or 'from source'}"
    lines = [job.prompt]
    if job.negative_prompt:
        lines.append(f"Negative prompt: {job.negative_prompt}")
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in values.items()))
    return "\n".join(lines)


def _quoted(value: str | int | float | None) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if any(c in text for c in ',:\n"') else text
