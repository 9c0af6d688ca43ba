"""``/sdapi/v1/options`` and ``/sdapi/v1/cmd-flags``: the settings that programs read and change."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from router.answers.warnings import header_of
from router.api.a1111.checkpoints import ChosenDep, current_checkpoint, find_checkpoint
from router.api.a1111.errors import A1111_ERRORS
from router.api.dependencies import BrokerDep, RecordDep
from router.http.json_body import UntypedJsonRoute
from router.schemas.a1111.options import OptionsBody
from router.schemas.a1111.painting import CHECKPOINT, CLIP_LAYERS, PREVIEW_STEPS

router = APIRouter(tags=["automatic1111"])
changing_router = APIRouter(tags=["automatic1111"], route_class=UntypedJsonRoute)

FIXED: dict[str, Any] = {
    CLIP_LAYERS: 1,
    PREVIEW_STEPS: 0,
    "samples_format": "png",
    "sd_checkpoint_hash": None,
    "sd_vae": "Automatic",
}
"""Settings that requests may have otherwise for themselves, in ``override_settings``."""


@router.get("/sdapi/v1/options", responses=A1111_ERRORS)
async def sd_options(broker: BrokerDep, record: RecordDep, chosen: ChosenDep) -> dict[str, Any]:
    """The settings: `sd_model_checkpoint` is the model that the caller gets without naming one."""
    model = current_checkpoint(broker, record, chosen)
    return {CHECKPOINT: None if model is None else model.name, **FIXED}


@changing_router.post("/sdapi/v1/options", response_class=Response, responses=A1111_ERRORS)
async def sd_set_options(body: OptionsBody, broker: BrokerDep, record: RecordDep, chosen: ChosenDep) -> Response:
    """Change the model that the caller gets without naming one. Other settings stay as they are."""
    if body.sd_model_checkpoint:
        chosen.choose(record.user, find_checkpoint(broker, record, body.sd_model_checkpoint).name)
    changed = [name for name, value in body.others.items() if value is not None and value != FIXED.get(name)]
    notes = [f"{name[:100]}: this setting cannot be changed" for name in changed[:10]]
    return JSONResponse(None, headers=header_of(notes))


@router.get("/sdapi/v1/cmd-flags", include_in_schema=False)
async def sd_flags() -> dict[str, Any]:
    """Options of Automatic1111's command line: this server has its own."""
    return {"api": True}
