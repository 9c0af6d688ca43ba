"""The certificate that devices install to trust this server. It is public, so it needs no key."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from router.api.dependencies import BrokerDep
from router.api.endpoint_family import EndpointFamily
from router.http.certificates.local_authority import AUTHORITY_NAME, AUTHORITY_PATH, MEDIA_TYPE, authority_certificate
from router.schemas.errors import ApiError, error_responses

router = APIRouter(tags=["server"])
_FILE: dict[int | str, dict[str, Any]] = {200: {"content": {MEDIA_TYPE: {}}, "description": "The certificate (PEM)."}}


@router.get(AUTHORITY_PATH, response_class=Response, responses={**_FILE, **error_responses(404)})
def authority(broker: BrokerDep) -> Response:
    """The certificate of the server's own authority, made by `nexa cert`, for devices to install."""
    certificate = authority_certificate(broker.settings)
    if certificate is None:
        raise ApiError(404, "this server has no authority of its own; nexa cert makes one")
    return Response(
        certificate,
        media_type=MEDIA_TYPE,
        headers={"Content-Disposition": f"attachment; filename={AUTHORITY_NAME}", "Cache-Control": "no-cache"},
    )


CERTIFICATES = EndpointFamily(open_routers=(router,))
