"""``POST /sdapi/v1/png-info``: what a picture was painted with, as its file says."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from router.api.a1111.errors import A1111_ERRORS
from router.api.a1111.route import UntypedPictureRoute
from router.api.dependencies import BrokerDep
from router.http.json_text import json_text
from router.images.infotext import PARAMETERS, parse_infotext, png_texts
from router.images.input import read_inline
from router.schemas.a1111.png_info import PngInfoBody
from router.threads import Lane

router = APIRouter(tags=["automatic1111"], route_class=UntypedPictureRoute, responses=A1111_ERRORS)

_READING = Lane("metadata of pictures", threads=2, max_waiting=256, timeout_s=30.0)


@router.post("/sdapi/v1/png-info", response_class=Response)
async def sd_png_info(body: PngInfoBody, broker: BrokerDep) -> Response:
    """The parameters in a PNG file. `info` is empty if it has none."""
    data = await read_inline(body.image, "image", "image", broker.settings)
    return Response(json_text(await _READING.run(_told, data)), media_type="application/json")


def _told(data: bytes) -> dict[str, Any]:
    texts = png_texts(data)
    info = texts.pop(PARAMETERS, "")
    return {"info": info, "items": texts, "parameters": parse_infotext(info)}
