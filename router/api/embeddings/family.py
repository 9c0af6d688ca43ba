"""The endpoints for vectors and scores, as the application sees them."""

from __future__ import annotations

from router.api.embeddings import embeddings, rerank
from router.api.endpoint_family import EndpointFamily

EMBEDDINGS = EndpointFamily(
    routers=(embeddings.router, rerank.router),
    text_paths=frozenset({"/v1/embeddings", "/v1/rerank", "/v2/rerank", "/rerank"}),
    operations={"/v1/embeddings": "embeddings"},
)
