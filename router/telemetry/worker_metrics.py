"""Metrics of models and workers for ``GET /metrics``, read from the broker on each scrape."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from router.jobs.broker import Broker
from router.jobs.workers.rows import WorkerRow
from shared.logs.output import dropped_lines
from shared.wire.supervision import WorkerState

Figure = Callable[[WorkerRow], float]

_GAUGES: tuple[tuple[str, str, Figure], ...] = (
    ("nexa_num_requests_running", "Sequences or jobs running in the worker.", lambda row: row.running),
    ("nexa_num_requests_waiting", "Jobs waiting in the worker.", lambda row: row.queued),
    ("nexa_kv_cache_used_tokens", "Tokens in the KV cache.", lambda row: row.kv_used_tokens),
    ("nexa_kv_cache_capacity_tokens", "Tokens that the KV cache can hold.", lambda row: row.kv_total_tokens),
    (
        "nexa_kv_cache_usage_ratio",
        "Used share of the KV cache, 0 to 1.",
        lambda row: row.kv_used_tokens / row.kv_total_tokens if row.kv_total_tokens else 0.0,
    ),
    ("nexa_worker_slots", "Sequences that the worker can run at once.", lambda row: row.slots),
    ("nexa_checkpoints", "Copies of states in main memory, from which prompts can go on.", lambda row: row.checkpoints),
    ("nexa_checkpoint_bytes", "Size of these copies.", lambda row: row.checkpoint_bytes),
    (
        "nexa_disk_cache_files",
        "Prefixes of all models on disk, as the worker has last seen them.",
        lambda row: row.disk_files,
    ),
    (
        "nexa_disk_cache_bytes",
        "Size of the prefixes of all models on disk, as the worker has last seen it.",
        lambda row: row.disk_bytes,
    ),
    (
        "nexa_worker_tokens_per_second",
        "Tokens generated per second, currently.",
        lambda row: row.tokens_per_s,
    ),
)
_COUNTERS: tuple[tuple[str, str, Figure], ...] = (
    (
        "nexa_prefix_cache_queries",
        "Prompt tokens looked up in the prefix cache since the worker's start.",
        lambda row: row.prompt_tokens,
    ),
    (
        "nexa_prefix_cache_hits",
        "Prompt tokens found in the prefix cache since the worker's start.",
        lambda row: row.cached_tokens,
    ),
    (
        "nexa_worker_generation_tokens",
        "Tokens generated since the worker's start.",
        lambda row: row.generated_tokens,
    ),
    (
        "nexa_drafted_tokens",
        "Tokens that speculation guessed since the worker's start.",
        lambda row: row.drafted_tokens,
    ),
    (
        "nexa_accepted_tokens",
        "Guessed tokens that were drawn since the worker's start.",
        lambda row: row.accepted_tokens,
    ),
    (
        "nexa_num_preemptions",
        "Sequences preempted because the KV cache was full, since the worker's start.",
        lambda row: row.preemptions,
    ),
    (
        "nexa_checkpoint_hits",
        "Prompts that went on from a checkpoint since the worker's start.",
        lambda row: row.checkpoint_hits,
    ),
    ("nexa_disk_cache_hits", "Prefixes read from disk since the worker's start.", lambda row: row.disk_hits),
    ("nexa_disk_cache_read_bytes", "Bytes of prefixes read from disk.", lambda row: row.disk_read_bytes),
    ("nexa_disk_cache_written_bytes", "Bytes of prefixes written to disk.", lambda row: row.disk_written_bytes),
    (
        "nexa_media_encoded",
        "Pieces of pictures and recordings that the projector computed since the worker's start.",
        lambda row: row.media_encoded,
    ),
    ("nexa_media_encode_seconds", "Time that this took.", lambda row: row.media_encode_s),
    (
        "nexa_media_reused",
        "Pieces of pictures and recordings in prompts that were at hand, since the worker's start.",
        lambda row: row.media_reused,
    ),
    ("nexa_worker_restarts", "Restarts of the worker's process.", lambda row: row.restarts),
)


def broker_families(broker: Broker) -> list[Metric]:
    """Current metrics of all models and workers. Call this on the broker's event loop."""
    return [*_model_families(broker), *worker_families(broker.workers()), _dropped_lines(broker)]


def worker_families(rows: Sequence[WorkerRow]) -> list[Metric]:
    """Metrics of these workers."""
    families: list[Metric] = []
    for name, help_text, figure in _GAUGES:
        gauge = GaugeMetricFamily(name, help_text, labels=("model", "worker"))
        for row in rows:
            gauge.add_metric((row.model, row.name), figure(row))
        families.append(gauge)
    for name, help_text, figure in _COUNTERS:
        counter = CounterMetricFamily(name, help_text, labels=("model", "worker"))
        for row in rows:
            counter.add_metric((row.model, row.name), figure(row))
        families.append(counter)
    states = GaugeMetricFamily(
        "nexa_worker_state", "1 for the worker's current state, else 0.", labels=("model", "worker", "state")
    )
    for row in rows:
        for state in WorkerState:
            states.add_metric((row.model, row.name, state.value), float(state.value == row.state))
    return [*families, states]


def _dropped_lines(broker: Broker) -> Metric:
    dropped = CounterMetricFamily(
        "nexa_log_lines_dropped", "Log lines that could not be written, since the process's start.", labels=("process",)
    )
    for process, count in {"router": dropped_lines(), **broker.dropped_lines}.items():
        dropped.add_metric((process,), count)
    return dropped


def _model_families(broker: Broker) -> list[Metric]:
    waiting = GaugeMetricFamily("nexa_queue_length", "Jobs waiting in the router.", labels=("model",))
    lengths = broker.queue_lengths()
    for model in broker.settings.models:
        waiting.add_metric((model.name,), lengths.get(model.name, 0))
    ready = GaugeMetricFamily("nexa_model_ready", "1 if the model has a ready worker.", labels=("model", "load"))
    load = {model.name: model.load for model in broker.settings.models}
    failovers = CounterMetricFamily(
        "nexa_failovers", "Jobs moved from a lost worker to another one.", labels=("model",)
    )
    losses = CounterMetricFamily("nexa_worker_losses", "Workers that ended or fell silent.", labels=("model",))
    for served in broker.served_models():
        ready.add_metric((served.name, load[served.name]), float(served.ready))
        failovers.add_metric((served.name,), broker.failovers[served.name])
        losses.add_metric((served.name,), broker.worker_losses[served.name])
    return [waiting, ready, failovers, losses]
