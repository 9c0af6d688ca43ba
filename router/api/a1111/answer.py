"""Answers with pictures as Automatic1111 writes them: ``images``, ``parameters``, and ``info`` as JSON in a text."""

from __future__ import annotations

import time
from typing import Any

from fastapi import Request
from starlette.responses import Response

from router.answers.queue_wait import position_header
from router.answers.response import gathered
from router.answers.warnings import warning_header
from router.api.a1111.submitted import SubmittedPainting
from router.http.json_text import json_text
from router.images.infotext import PARAMETERS, parse_infotext, png_texts
from router.schemas.a1111.painting import NO_INPUTS, PaintingBody
from router.threads import Lane
from shared.distribution import version
from shared.engines.diffusion_names import SAMPLER_LABELS

_WRITING = Lane("answers with pictures", threads=2, max_waiting=1024, timeout_s=None)


async def answer_painting(request: Request, submitted: SubmittedPainting, body: PaintingBody) -> Response:
    """Answer with all pictures, once the last one is finished.

    Raises:
        ApiError: as :meth:`SubmittedPainting.finish`.
    """
    await gathered(request, submitted, submitted.finish())
    content = await _WRITING.run(_written, submitted, body)
    headers = position_header(submitted) | warning_header(submitted)
    return Response(content, headers=headers, media_type="application/json")


def _written(submitted: SubmittedPainting, body: PaintingBody) -> bytes:
    """The answer's JSON. Base64 is put in without passing the encoder, which would copy it."""
    kept = [kept for _, kept in sorted(submitted.kept.items())] if body.send_images else []
    images = ",".join(f'"{one.base64}"' for one in kept)
    declared = type(body).model_fields.keys() - NO_INPUTS
    rest = {"parameters": body.model_dump(include=set(declared)), "info": json_text(painting_info(submitted, body))}
    return f'{{"images":[{images}],{json_text(rest)[1:]}'.encode()


def painting_info(submitted: SubmittedPainting, body: PaintingBody) -> dict[str, Any]:
    """What the pictures were painted with, as their files say; ``infotexts`` has it in the words of front ends."""
    pictures = [kept.picture for _, kept in sorted(submitted.kept.items())]
    infotexts = [png_texts(picture.file).get(PARAMETERS, "") for picture in pictures]
    told = parse_infotext(infotexts[0]) if infotexts else {}
    seeds = [picture.seed for picture in pictures]
    sampler = told.get("Sampler")
    return {
        "prompt": body.prompt,
        "all_prompts": [body.prompt] * len(pictures),
        "negative_prompt": body.negative_prompt,
        "all_negative_prompts": [body.negative_prompt] * len(pictures),
        "seed": seeds[0] if seeds else body.seed,
        "all_seeds": seeds,
        "subseed": -1,
        "all_subseeds": [-1] * len(pictures),
        "subseed_strength": 0,
        "width": pictures[0].width if pictures else body.width,
        "height": pictures[0].height if pictures else body.height,
        "sampler_name": None if sampler is None else SAMPLER_LABELS.get(sampler, sampler),
        "cfg_scale": _number(told.get("CFG scale")),
        "steps": _number(told.get("Steps")),
        "batch_size": body.batch_size,
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": submitted.model,
        "sd_model_hash": None,
        "sd_vae_name": None,
        "sd_vae_hash": None,
        "seed_resize_from_w": -1,
        "seed_resize_from_h": -1,
        "denoising_strength": body.denoising_strength,
        "extra_generation_params": {},
        "index_of_first_image": 0,
        "infotexts": infotexts,
        "styles": [],
        "job_timestamp": timestamp(submitted.created),
        "clip_skip": body.clip_skip or 1,
        "is_using_inpainting_conditioning": False,
        "version": f"nexa {version() or 'from source'}",
        "warnings": submitted.warnings,
    }


def timestamp(at_s: float) -> str:
    """A Unix time as Automatic1111 writes it."""
    return time.strftime("%Y%m%d%H%M%S", time.localtime(at_s))


def _number(text: str | None) -> float | int | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return int(value) if value.is_integer() else value
