"""The HTTP application: endpoints, middleware and what they share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Self

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from fastapi_offline import FastAPIOffline

from router.answers.registry import JobRegistry
from router.answers.restoring import Restorer, RestoreWriter
from router.api.a1111.checkpoints import ChosenCheckpoints
from router.api.families import (
    ERROR_WRITERS,
    FAMILIES,
    MISSING_APIS,
    OPEN_PATHS,
    PATHS,
    QUIET_PATHS,
    WRITERS,
    body_limits,
)
from router.api.responses.answer import PATH as RESPONSES_PATH
from router.api.responses.answer import restore_with
from router.batches.opening import open_runner
from router.batches.runner import BatchRunner
from router.conversations.archive import AnswerArchive
from router.conversations.store import FILE_NAME as ANSWERS_NAME
from router.files.keeper import FileKeeper
from router.http.bodies.body_budget import BodyBudget
from router.http.bodies.byte_budget import ByteBudget, ByteLimit
from router.http.body_limit import BodyLimit
from router.http.error_handlers import install_error_handlers
from router.http.forms import FORM_MEMORY_BYTES, FORM_OVERHEAD_BYTES
from router.http.methods import Methods
from router.http.request_log import RequestLog, report_end
from router.http.request_record import RequestObserver, RequestRecord
from router.http.senders.cors import OriginCheck
from router.images.store import ImageStore, clean_periodically
from router.jobs.broker import Broker
from router.keys.access import Access
from router.keys.authentication import Authentication
from router.keys.keyring import Keyring
from router.keys.signed_urls import URL_LIFETIME_S, SignedUrls
from router.keys.usage import UsageStore
from router.keys.usage_log import UsageLog
from router.models.copies import FILE_NAME as FILE_OF_NAMES
from router.models.copies import CopiedNames
from router.models.held_pulls import HeldPulls
from router.models.replaced import FileWatch
from router.models.service import ModelService
from router.models.watch import ModelWatch
from router.storage.folder import file_in
from router.telemetry.curves.sampler import CurveSampler
from router.telemetry.request_metrics import RequestMetrics
from shared.devices import Nvml
from shared.settings import ServerSettings

if TYPE_CHECKING:
    from router.telemetry.tracing import Tracing

EXPOSED_HEADERS = ("X-Request-ID", "X-Job-Id", "Retry-After", "X-Queue-Position", "X-Should-Retry", "X-Nexa-Warning")
DESCRIPTION = (
    "Models of this machine for text, embeddings, speech and images, through the APIs of OpenAI, Anthropic, Ollama "
    "and Automatic1111, and a native one."
)


def create_app(broker: Broker, tracing: Tracing | None = None) -> FastAPI:
    """The application. It starts and stops ``broker`` and closes ``tracing``.

    The ``/docs`` page loads its scripts from this server, so it works offline.

    Raises:
        StorageError: the key file or the file of answers cannot be used.
    """
    settings = broker.settings
    parts: _Parts
    app = FastAPIOffline(
        redoc_url=None,
        redirect_slashes=False,  # path_hint redirects
        title="nexa server",
        description=DESCRIPTION,
        lifespan=lambda _: parts.running(),
        separate_input_output_schemas=False,
    )
    parts = _Parts.open(broker, tracing, app)
    parts.attach_to(app)
    access = Access(parts.keyring, settings.api_key, settings.key_required, settings.insecure)
    app.state.access = access
    _add_endpoints(app, access.needs_key)
    install_error_handlers(app, PATHS, ERROR_WRITERS, MISSING_APIS)
    observers: list[RequestObserver] = [parts.metrics, parts.sampler.latencies, parts.usage_log]
    if tracing is not None:
        observers.append(tracing)
    _add_middleware(app, settings, access, parts, observers)
    writers = {**WRITERS, RESPONSES_PATH: restore_with(parts.answers)}
    _restore_streams(broker, parts.job_registry, writers, observers)
    return app


@dataclass(frozen=True, slots=True)
class _Parts:
    """The objects that live as long as the application."""

    broker: Broker
    tracing: Tracing | None
    keyring: Keyring
    usage_log: UsageLog
    image_store: ImageStore
    signed_urls: SignedUrls
    job_registry: JobRegistry
    metrics: RequestMetrics
    sampler: CurveSampler
    answers: AnswerArchive
    models: ModelService
    watch: ModelWatch
    file_keeper: FileKeeper
    batch_runner: BatchRunner

    @classmethod
    def open(cls, broker: Broker, tracing: Tracing | None, app: FastAPI) -> Self:
        settings = broker.settings
        key_file = Path(settings.key_file) if settings.key_file else None
        keyring = Keyring.open(key_file)
        file_keeper = FileKeeper(settings.state_folder)
        gpus = app.state.gpus = Nvml()
        watch = ModelWatch(broker)
        return cls(
            broker,
            tracing,
            keyring,
            UsageLog(UsageStore.open(key_file)),
            ImageStore(settings.output_folder, settings.output_keep_s, settings.output_keep_bytes),
            SignedUrls(settings.url_key, min(URL_LIFETIME_S, settings.output_keep_s)),
            JobRegistry(
                settings.resume_timeout_s, settings.resume_log_bytes, settings.resume_streams, keyring.is_active
            ),
            RequestMetrics(lambda: [model.name for model in broker.settings.models]),
            CurveSampler(broker, gpus),
            AnswerArchive.open(
                file_in(settings.state_folder, ANSWERS_NAME),
                settings.responses_keep_s,
                settings.responses_keep_bytes,
                settings.run_folder,
            ),
            ModelService(broker, CopiedNames.open(file_in(settings.state_folder, FILE_OF_NAMES)), watch=watch),
            watch,
            file_keeper,
            open_runner(broker, file_keeper, keyring, app),
        )

    def attach_to(self, app: FastAPI) -> None:
        """Put the objects that endpoints need into ``app.state``."""
        app.state.broker = self.broker
        app.state.keyring = self.keyring
        app.state.image_store = self.image_store
        app.state.signed_urls = self.signed_urls
        app.state.job_registry = self.job_registry
        app.state.usage_log = self.usage_log
        app.state.metrics = self.metrics
        app.state.curves = self.sampler.ring
        app.state.answers = self.answers
        app.state.models = self.models
        app.state.held_pulls = HeldPulls()
        app.state.chosen_checkpoints = ChosenCheckpoints()
        app.state.file_keeper = self.file_keeper
        app.state.batch_runner = self.batch_runner

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Start everything on entry, and stop it on exit."""
        await self.broker.start()
        self.keyring.on_revoked = self._end_revoked
        await self.file_keeper.open()
        background = asyncio.gather(
            clean_periodically(self.image_store),
            self.keyring.keep_fresh(),
            self.answers.keep_clean(),
            self.file_keeper.keep_open(),
            self.batch_runner.run(),
            self.sampler.run(),
            self.watch.run(),
            FileWatch(self.broker, self.models).run(),
        )
        try:
            await self.watch.wait_looked()
            yield
        finally:
            self.job_registry.close()
            self.models.close()
            background.cancel()
            await asyncio.gather(background, return_exceptions=True)
            await self.file_keeper.close()
            await self.broker.stop()
            await self.usage_log.close()
            await self.answers.close()
            self.keyring.close()
            if self.tracing is not None:
                await asyncio.to_thread(self.tracing.close)

    def _end_revoked(self) -> None:
        self.job_registry.end_revoked()
        self.batch_runner.look()


def _restore_streams(
    broker: Broker, registry: JobRegistry, writers: Mapping[str, RestoreWriter], observers: list[RequestObserver]
) -> None:
    """Go on with the resumable streams of an earlier run of the router; at their ends they are requests like others."""

    def on_end(record: RequestRecord, path: str, started_at_s: float) -> None:
        scope = {"type": "http", "method": "POST", "path": path, "headers": [], "route": SimpleNamespace(path=path)}
        report_end(record, scope, 200, started_at_s, observers)

    broker.adopt_with(Restorer(broker, registry, writers, on_end).restore)


def _add_endpoints(app: FastAPI, needs_key: bool) -> None:
    # This only shows the padlock in /docs; the middleware checks the key.
    padlock = [Depends(HTTPBearer(auto_error=False))] if needs_key else []
    for family in FAMILIES:
        for router in family.routers:
            app.include_router(router, dependencies=padlock)
        for router in family.open_routers:
            app.include_router(router)


def _add_middleware(
    app: FastAPI,
    settings: ServerSettings,
    access: Access,
    parts: _Parts,
    observers: list[RequestObserver],
) -> None:
    """Add all middleware, innermost first."""
    max_form_bytes = settings.max_upload_bytes + FORM_OVERHEAD_BYTES
    limits = body_limits(settings.max_body_bytes, settings.max_text_bytes, max_form_bytes)
    memory = ByteBudget(
        "memory",
        ByteLimit(settings.max_inflight_bytes, "--max-inflight-bytes"),
        ByteLimit(settings.max_user_inflight_bytes, "--max-user-inflight-bytes"),
    )
    files = ByteBudget(
        "files",
        ByteLimit(settings.max_spool_bytes, "--max-spool-bytes"),
        ByteLimit(settings.max_spool_bytes // 2, "half of --max-spool-bytes"),
    )
    app.add_middleware(Methods, paths={path: methods for path, methods in PATHS.items() if "{" not in path})
    app.add_middleware(BodyBudget, memory=memory, files=files, form_memory_bytes=FORM_MEMORY_BYTES)
    app.add_middleware(
        Authentication,
        access=access,
        signed_urls=parts.signed_urls,
        open_paths=OPEN_PATHS,
        meter=parts.usage_log.tokens,
    )
    app.add_middleware(BodyLimit, max_body_bytes=settings.max_body_bytes, limits=limits)
    app.add_middleware(
        RequestLog, observers=observers, quiet_paths=QUIET_PATHS, trusted_proxies=settings.trusted_proxies
    )
    if settings.cors_origins:  # outermost: web pages can read all errors, and preflight requests have no key
        app.add_middleware(OriginCheck, origins=settings.cors_origins, expose_headers=EXPOSED_HEADERS)
