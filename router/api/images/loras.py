"""``GET /v1/loras``: the LoRA files that image models can be painted with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query

from router.api.dependencies import BrokerDep, RecordDep
from router.images.lora_files import LoraFile, lora_files
from router.jobs.broker import Broker
from router.jobs.limits import UserLimits
from router.schemas.errors import ApiError, error_responses
from router.threads import Lane
from shared.kinds import JobKind
from shared.settings import ModelSettings

router = APIRouter(tags=["images"])

_FOLDERS = Lane("LoRA folders", threads=2, timeout_s=10.0)

ModelQuery = Annotated[str | None, Query(description="Only the LoRAs of this model.")]


@router.get("/v1/loras", responses=error_responses(401, 404, 503))
async def list_loras(broker: BrokerDep, record: RecordDep, model: ModelQuery = None) -> dict[str, Any]:
    """The LoRA files of the folders of the image models that the caller may use, each with these models.

    A file may be there that does not fit a model: then requests with it are refused.
    """
    models = [broker.find_model(model, JobKind.IMAGE, record.limits)] if model else image_models(broker, record.limits)
    rows = []
    for folder in dict.fromkeys(one.lora_folder for one in models if one.lora_folder):
        names = [one.name for one in models if one.lora_folder == folder]
        rows += [
            {
                "id": lora.name,
                "object": "lora",
                "file": lora.file,
                "size_bytes": lora.size_bytes,
                "created": int(lora.modified_at_s),
                "models": names,
            }
            for lora in await loras_in(folder)
        ]
    return {"object": "list", "data": rows}


def image_models(broker: Broker, limits: UserLimits) -> Sequence[ModelSettings]:
    """The image models that a user with these limits may use."""
    return [model for model in broker.models_for(limits) if JobKind.IMAGE in model.kinds]


async def loras_in(folder: str) -> list[LoraFile]:
    """The LoRAs of a folder.

    Raises:
        ApiError: 503, the disk does not answer.
    """
    try:
        return await _FOLDERS.run(lora_files, folder)
    except TimeoutError as error:
        raise ApiError(503, f"{error}; try again later") from None
