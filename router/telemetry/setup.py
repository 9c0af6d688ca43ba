"""Decides whether to send traces, importing OpenTelemetry only if so."""

from __future__ import annotations

import importlib.util
import logging
import os
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING

from shared.distribution import how_to_install

if TYPE_CHECKING:
    from router.telemetry.tracing import Tracing

ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
HOW_TO_INSTALL = how_to_install("telemetry")

log = logging.getLogger("nexa.tracing")


def installed() -> bool:
    """Whether the packages of the extra ``telemetry`` are installed."""
    try:
        return all(
            importlib.util.find_spec(name) is not None
            for name in ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter")
        )
    except ModuleNotFoundError:
        return False


def open_tracing(endpoint: str, operations: Mapping[str, str], quiet_paths: Set[str]) -> Tracing | None:
    """Traces to ``endpoint``, or else to that of OpenTelemetry's own variables; None if neither is set.

    ``operations`` and ``quiet_paths`` are those of :class:`Tracing`.
    """
    variable = next((name for name in ENDPOINT_VARIABLES if os.environ.get(name)), None)
    if not endpoint and variable is None:
        return None
    if not installed():
        log.warning("traces not sent: packages missing", extra={"variable": variable, "remedy": HOW_TO_INSTALL})
        return None
    from router.telemetry.tracing import Tracing

    return Tracing.to_collector(endpoint, operations, quiet_paths)
