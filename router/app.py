"""The HTTP application: endpoints, middleware and the broker that they share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from router.answers.registry import JobRegistry
from router.api.admin import health, jobs, metrics, models, usage, workers
from router.api.audio import endpoints as audio
from router.api.images import endpoints as images
from router.api.text import chat, completions, function_calling
from router.http.body_limit import BodyLimit
from router.http.error_handlers import install_error_handlers
from router.http.forms import FORM_OVERHEAD_BYTES
from router.http.request_log import RequestLog, RequestObserver
from router.images.store import ImageStore, keep_clean
from router.jobs.broker import Broker
from router.keys.access import Access
from router.keys.authentication import Authentication
from router.keys.store import KeyStore
from router.keys.usage import UsageStore
from router.keys.usage_log import UsageLog
from router.telemetry.request_metrics import Metrics
from shared.devices import Nvml

if TYPE_CHECKING:
    from router.telemetry.tracing import Tracing

FORM_PATHS = ("/v1/audio/transcriptions", "/v1/audio/translations")
FORM_OR_JSON_PATHS = ("/v1/images/edits", "/v1/img2img")
EXPOSED_HEADERS = ("X-Request-ID", "X-Job-Id", "Retry-After", "X-Queue-Position")
KEY_FILE_WAIT_S = 0.25  # the event loop waits with it
DESCRIPTION = "Text, speech and pictures by this machine's own models, in OpenAI's words and in ours."


def create_app(broker: Broker, tracing: Tracing | None = None) -> FastAPI:
    """The application around ``broker``, which it starts and stops with itself, and ``tracing``, which it closes.

    Its ``/docs`` page loads its scripts from this server.

    Raises:
        KeyFileError: the key file cannot be used.
    """
    settings = broker.settings
    image_store = ImageStore(settings.output_folder, settings.output_keep_s, settings.output_keep_bytes)
    key_file = Path(settings.key_file) if settings.key_file else None
    key_store = KeyStore.open(key_file, KEY_FILE_WAIT_S)
    usage_log = UsageLog(UsageStore.open(key_file))
    access = Access(key_store, settings.api_key, settings.key_required, settings.insecure)
    job_registry = JobRegistry(settings.resume_timeout_s, settings.resume_log_bytes, settings.resume_streams)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await broker.start()
        cleaning = asyncio.ensure_future(keep_clean(image_store))
        try:
            yield
        finally:
            job_registry.close()
            cleaning.cancel()
            await asyncio.gather(cleaning, return_exceptions=True)
            await broker.stop()
            await usage_log.close()
            key_store.close()
            if tracing is not None:
                await asyncio.to_thread(tracing.close)

    app = FastAPIOffline(
        redoc_url=None,
        title="nexa server",
        description=DESCRIPTION,
        lifespan=lifespan,
        separate_input_output_schemas=False,
    )
    app.state.broker = broker
    app.state.image_store = image_store
    app.state.job_registry = job_registry
    app.state.gpus = Nvml()
    app.state.usage_log = usage_log
    app.state.metrics = counted = Metrics(settings.models)
    # The schema's padlock only: the middleware below is what checks the key.
    padlock = [Depends(HTTPBearer(auto_error=False))] if access.needs_key else []
    kinds = (completions, chat, function_calling, audio, images)
    for module in (*kinds, models, jobs, usage, health, workers, metrics):
        app.include_router(module.router, dependencies=padlock)
    app.include_router(health.open_router)
    install_error_handlers(app)
    observers: list[RequestObserver] = [counted, usage_log]
    if tracing is not None:
        observers.append(tracing)
    # The last one added is the outermost.
    app.add_middleware(Authentication, access=access)
    form_bytes = settings.max_upload_bytes + FORM_OVERHEAD_BYTES
    limits = {
        **dict.fromkeys(FORM_PATHS, form_bytes),
        **dict.fromkeys(FORM_OR_JSON_PATHS, max(form_bytes, settings.max_body_bytes)),
    }
    app.add_middleware(BodyLimit, max_body_bytes=settings.max_body_bytes, limits=limits)
    app.add_middleware(RequestLog, observers=observers)
    if settings.cors_origins:  # outside of all others: their errors are for web pages too, and a preflight has no key
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "DELETE"),
            allow_headers=("*",),
            expose_headers=EXPOSED_HEADERS,
        )
    return app
