"""Metrics of what is loaded for ``GET /metrics``: loads and unloads, states of models, memory and budgets."""

from __future__ import annotations

from collections import Counter

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from router.jobs.broker import Broker
from router.jobs.residency.plan import UnloadCause
from router.jobs.workers.model_state import ModelState, state_of


def residency_families(broker: Broker) -> list[Metric]:
    """Current metrics of the residency of models. Call this on the broker's event loop."""
    return [*_order_families(broker), _states(broker), *_memory_families(broker)]


def _order_families(broker: Broker) -> list[Metric]:
    """Loads and unloads of the models that are loaded on demand."""
    loads = CounterMetricFamily("nexa_model_loads", "Loads that were begun.", labels=("model",))
    unloads = CounterMetricFamily("nexa_model_unloads", "Unloads, by cause.", labels=("model", "reason"))
    failures = CounterMetricFamily("nexa_model_load_failures", "Loads that have failed.", labels=("model",))
    residency = broker.residency
    for model in broker.settings.models:
        if model.load == "demand":
            loads.add_metric((model.name,), residency.record.loads[model.name])
            failures.add_metric((model.name,), residency.failed_loads[model.name])
            for cause in UnloadCause:
                unloads.add_metric((model.name, cause.value), residency.record.unloads[model.name, cause])
    return [loads, unloads, failures]


def _states(broker: Broker) -> Metric:
    """The number of models in each state."""
    models = GaugeMetricFamily("nexa_models", "Served models in this state.", labels=("state",))
    rows = broker.workers()
    found = Counter(
        state_of(model, [row for row in rows if row.model == model.name], broker.hopeless(model.name)).state
        for model in broker.settings.models
    )
    for state in ModelState:
        models.add_metric((state.value,), found[state])
    return models


def _memory_families(broker: Broker) -> list[Metric]:
    budgets = GaugeMetricFamily(
        "nexa_device_memory_budget_bytes", "Memory of the device that models may take together.", labels=("device",)
    )
    for budget in broker.budgets:
        budgets.add_metric((budget.device,), budget.budget_bytes)
    planned = GaugeMetricFamily(
        "nexa_model_memory_planned_bytes", "Memory planned for the model's workers.", labels=("model", "device")
    )
    measured = GaugeMetricFamily(
        "nexa_model_memory_bytes", "Memory that the model's workers hold.", labels=("model", "device")
    )
    for family, name in ((planned, "planned_memory_bytes"), (measured, "measured_memory_bytes")):
        sizes: Counter[tuple[str, str]] = Counter()
        for row in broker.workers():
            for device, size in getattr(row, name).items():
                sizes[row.model, device] += size
        for labels, size in sizes.items():
            family.add_metric(labels, size)
    return [budgets, planned, measured]
