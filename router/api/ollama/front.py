"""``/`` on Ollama's port: clients ask there whether it runs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from router.api.dependencies import BrokerDep
from router.schemas.errors import error_responses

open_router = APIRouter(tags=["ollama"])

RUNNING = "Ollama is running"


@open_router.get("/", response_class=Response, responses={200: {"content": {"text/plain": {}}}, **error_responses(404)})
async def ollama_front(request: Request, broker: BrokerDep) -> Response:
    """Ollama's own words, which some clients look for, on its port (`--ollama-port`) only."""
    server = request.scope.get("server")
    if not broker.settings.ollama_port or server is None or server[1] != broker.settings.ollama_port:
        raise HTTPException(404)
    return PlainTextResponse(RUNNING)
