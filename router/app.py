"""The HTTP application: endpoints, middleware and the broker that they share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline

from router.api import chat, completions, function_calling, health, models
from router.auth import ApiKey
from router.body_limit import BodyLimit
from router.error_handlers import install_error_handlers
from router.jobs.broker import Broker
from router.request_log import RequestLog

DESCRIPTION = "Text generation, chats and function calls on this machine's own models, in OpenAI's words and in ours."


def create_app(broker: Broker) -> FastAPI:
    """The application around ``broker``, which it starts and stops with itself.

    Its ``/docs`` page loads its scripts from this server.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await broker.start()
        try:
            yield
        finally:
            await broker.stop()

    app = FastAPIOffline(
        redoc_url=None,
        title="nexa server",
        description=DESCRIPTION,
        lifespan=lifespan,
        separate_input_output_schemas=False,
    )
    app.state.broker = broker
    settings = broker.settings
    # The schema's padlock only: the middleware below is what checks the key.
    padlock = [Depends(HTTPBearer(auto_error=False))] if settings.api_key else []
    for module in (completions, chat, function_calling, models):
        app.include_router(module.router, dependencies=padlock)
    app.include_router(health.router)
    install_error_handlers(app)
    # The last one added is the outermost.
    if settings.api_key:
        app.add_middleware(ApiKey, key=settings.api_key)
    app.add_middleware(BodyLimit, max_body_bytes=settings.max_body_bytes)
    app.add_middleware(RequestLog)
    return app
