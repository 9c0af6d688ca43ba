"""The API of Automatic1111's web UI, as the application sees it."""

from __future__ import annotations

from router.api.a1111 import enlarging, listing, painting, png_info, running, settings
from router.api.a1111.errors import write_a1111_error
from router.api.endpoint_family import EndpointFamily
from router.schemas.missing import MissingApi

_OWN_COMMANDS = MissingApi("orders to the server in this API", "nexa load, nexa unload and nexa restart give them")
_TRAINING = MissingApi("training", "models are trained elsewhere and served as files")

A1111 = EndpointFamily(
    routers=(
        painting.router,
        enlarging.router,
        running.router,
        png_info.router,
        settings.router,
        settings.changing_router,
        listing.router,
        listing.refreshing_router,
    ),
    text_paths=frozenset({"/sdapi/v1/options"}),
    quiet_paths=frozenset({"/sdapi/v1/progress"}),
    error_writers={"/sdapi": write_a1111_error},
    missing={
        "/sdapi/v1/interrogate": MissingApi("interrogation", "a chat model that sees describes pictures"),
        "/sdapi/v1/train": _TRAINING,
        "/sdapi/v1/create": _TRAINING,
        "/sdapi/v1/server-kill": _OWN_COMMANDS,
        "/sdapi/v1/server-restart": _OWN_COMMANDS,
        "/sdapi/v1/server-stop": _OWN_COMMANDS,
        "/sdapi/v1/unload-checkpoint": _OWN_COMMANDS,
        "/sdapi/v1/reload-checkpoint": _OWN_COMMANDS,
    },
)
