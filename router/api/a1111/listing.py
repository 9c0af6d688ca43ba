"""What there is to choose from: models, samplers, schedulers, and lists that are empty here."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from fastapi import APIRouter

from router.api.a1111.enlarging import upscalers
from router.api.a1111.errors import A1111_ERRORS
from router.api.dependencies import BrokerDep, RecordDep
from router.api.images.loras import image_models, loras_in
from router.schemas.a1111.samplers import AUTOMATIC
from router.schemas.a1111.upscalers import LATENT_UPSCALERS, PLAIN_UPSCALERS
from shared.engines.diffusion_names import SAMPLER_ALIASES, SAMPLER_LABELS, SCHEDULER_ALIASES, SCHEDULER_LABELS

router = APIRouter(tags=["automatic1111"], responses=A1111_ERRORS)

PLAIN_SCALE = 4
"""What Automatic1111 says of upscalers that have any scale."""


@router.get("/sdapi/v1/sd-models")
async def sd_models(broker: BrokerDep, record: RecordDep) -> list[dict[str, Any]]:
    """The image models that the caller may use."""
    return [
        {
            "title": model.name,
            "model_name": model.name,
            "hash": None,
            "sha256": None,
            "filename": PurePath(model.path).name,
            "config": None,
        }
        for model in image_models(broker, record.limits)
    ]


@router.get("/sdapi/v1/samplers")
async def sd_samplers() -> list[dict[str, Any]]:
    """The samplers, by the names that front ends know; the first alias is this server's own name."""
    return [
        {"name": label, "aliases": [name, *SAMPLER_ALIASES.get(name, ())], "options": {}}
        for name, label in SAMPLER_LABELS.items()
    ]


@router.get("/sdapi/v1/schedulers")
async def sd_schedulers() -> list[dict[str, Any]]:
    """The schedulers of noise levels. `automatic` is the model's own."""
    known = {"automatic": AUTOMATIC, **SCHEDULER_LABELS}
    return [
        {
            "name": name,
            "label": label,
            "aliases": list(SCHEDULER_ALIASES.get(name, ())) or None,
            "default_rho": -1,
            "need_inner_model": False,
        }
        for name, label in known.items()
    ]


@router.get("/sdapi/v1/latent-upscale-modes")
async def sd_latent_upscale_modes() -> list[dict[str, str]]:
    """What `hr_upscaler` may be without a model that enlarges."""
    return [{"name": name} for name in LATENT_UPSCALERS]


@router.get("/sdapi/v1/upscalers")
async def sd_upscalers(broker: BrokerDep, record: RecordDep) -> list[dict[str, Any]]:
    """What `hr_upscaler` may be beside the latent modes; those of models enlarge pictures by themselves, too."""
    nothing = {"model_name": None, "model_path": None, "model_url": None}
    own = upscalers(broker, record.limits)
    return [{"name": name, **nothing, "scale": PLAIN_SCALE} for name in (*PLAIN_UPSCALERS, *own)]


@router.get("/sdapi/v1/loras")
async def sd_loras(broker: BrokerDep, record: RecordDep) -> list[dict[str, Any]]:
    """The LoRA files that a prompt can name: `<lora:name:weight>`."""
    folders = dict.fromkeys(model.lora_folder for model in image_models(broker, record.limits) if model.lora_folder)
    files = [lora for folder in folders for lora in await loras_in(folder)]
    return [{"name": lora.name, "alias": lora.name, "path": lora.file, "metadata": {}} for lora in files]


async def _empty_list() -> list[dict[str, Any]]:
    """What there is none of."""
    return []


for _name in ("sd-vae", "hypernetworks", "face-restorers", "prompt-styles", "script-info", "extensions"):
    router.add_api_route(f"/sdapi/v1/{_name}", _empty_list, include_in_schema=False)


@router.get("/sdapi/v1/scripts", include_in_schema=False)
async def sd_scripts() -> dict[str, list[str]]:
    """None."""
    return {"txt2img": [], "img2img": []}


async def _refreshed() -> None:
    """Nothing to do: files are looked for whenever they are asked for."""


refreshing_router = APIRouter(tags=["automatic1111"])
for _name in ("refresh-checkpoints", "refresh-vae", "refresh-loras"):
    refreshing_router.add_api_route(f"/sdapi/v1/{_name}", _refreshed, methods=["POST"], include_in_schema=False)
