"""The page of ``GET /metrics``, read as Prometheus reads it."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.support.router.client import ask
from tests.support.router.fake_broker import FakeBroker


def values(text: str) -> dict[str, float]:
    """Each sample's value under its name and labels, as ``name{label="value"}`` with the labels in order."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def scraped(broker: FakeBroker) -> dict[str, float]:
    response = ask(broker, "GET", "/metrics")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    return values(response.text)
