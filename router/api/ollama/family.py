"""Ollama's API, as the application sees it."""

from __future__ import annotations

from router.api.endpoint_family import EndpointFamily
from router.api.ollama import embedding, inference, listing, store
from router.api.ollama.errors import write_ollama_error
from router.schemas.missing import MissingApi

_NO_ACCOUNTS = MissingApi("accounts at ollama.com", "nexa key makes keys of its own")
_OPERATIONS = {
    "/api/chat": "chat",
    "/api/generate": "text_completion",
    "/api/embed": "embeddings",
    "/api/embeddings": "embeddings",
}

OLLAMA = EndpointFamily(
    routers=(inference.router, embedding.router, listing.router, listing.shown_router, store.router),
    text_paths=frozenset(
        {"/api/embed", "/api/embeddings", "/api/show", "/api/pull", "/api/delete", "/api/copy"},
    ),
    operations=_OPERATIONS,
    quiet_paths=frozenset({"/", "/api/version", "/api/tags", "/api/ps"}),
    error_writers={"/api": write_ollama_error},
    missing={
        "/api/create": MissingApi("Modelfiles", "nexa server NAME@OPTION=VALUE sets options, /api/copy gives a name"),
        "/api/push": MissingApi("registry", "model files are copied as they are"),
        "/api/blobs": MissingApi(
            "store of blobs", "nexa server takes model files as they are: nexa server ./model.gguf"
        ),
        "/api/me": _NO_ACCOUNTS,
        "/api/signout": _NO_ACCOUNTS,
        "/api/experimental": MissingApi("search of the web", "clients may offer it as a tool"),
    },
)
