"""The endpoints about the server itself, as the application sees them."""

from __future__ import annotations

from router.api.admin import health, jobs, metrics, models, residency, usage, workers
from router.api.endpoint_family import EndpointFamily

ADMIN = EndpointFamily(
    routers=(
        models.router,
        residency.router,
        jobs.router,
        usage.router,
        health.router,
        workers.router,
        metrics.router,
    ),
    open_routers=(health.open_router,),
    error_writers={"/v1/models": models.write_error},
    quiet_paths=frozenset({"/health", "/ready", "/metrics"}),
)
