"""Finished pictures as PNG files that hold the parameters they were generated with.

The text chunk ``parameters`` follows the convention of image front ends: the prompt, the negative prompt, and a line of
names and values. Source: https://github.com/AUTOMATIC1111/stable-diffusion-webui, ``modules/infotext_utils.py``
"""

from __future__ import annotations

import io
import json

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from shared.distribution import version
from shared.wire.jobs import ImageJob


def png(image: Image.Image, parameters: str = "") -> bytes:
    """``image`` as a PNG file. Latin-1 ``parameters`` become a ``tEXt`` chunk, other text an ``iTXt`` chunk."""
    info = PngInfo()
    if parameters:
        info.add_text("parameters", parameters)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


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
