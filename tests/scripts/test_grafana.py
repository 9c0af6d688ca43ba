"""The dashboard draws what the server exports, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.support.router.client import COMPLETION, app_of, ask, post
from tests.support.router.watched_broker import FakeGpus, WatchedBroker

DASHBOARD = json.loads((Path(__file__).parents[2] / "scripts" / "grafana.json").read_text())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}


def exported() -> dict[str, set[str]]:
    """The labels of each sample that /metrics has after a request."""
    broker = WatchedBroker()
    app_of(broker).state.gpus = FakeGpus()
    post(broker, "/v1/completions", COMPLETION)
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(ask(broker, "GET", "/metrics").text):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


def metrics_in(text: str) -> set[str]:
    return set(re.findall(r"\bnexa_\w+", text))


def test_every_metric_that_is_drawn_is_exported() -> None:
    names = exported()
    drawn = {name for query in [*QUERIES, VARIABLES["model"]["definition"]] for name in metrics_in(query)}
    assert drawn
    assert drawn - set(names) == set()


def test_everything_that_is_exported_is_drawn() -> None:
    drawn = {name.removesuffix("_bucket") for query in QUERIES for name in metrics_in(query)}
    bases = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in exported()}
    created = {re.sub(r"_total$", "", name) for name in exported() if name.endswith("_total")}
    assert bases - drawn - created == set()


def test_queries_select_and_group_by_labels_that_the_metric_has() -> None:
    names = exported()
    for query in QUERIES:
        for name, selected in re.findall(r"\b(nexa_\w+)\{([^}]*)\}", query):
            assert set(re.findall(r"(\w+)=", selected)) <= names[name], query
        for grouped in re.findall(r"by \(([^)]*)\)", query):
            for name in metrics_in(query):
                assert {label.strip() for label in grouped.split(",")} <= names[name], query


def test_legends_name_labels_that_the_metric_has() -> None:
    names = exported()
    for panel in PANELS:
        for target in panel["targets"]:
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert all(label in names[name] for name in metrics_in(target["expr"])), target


def test_the_data_source_is_chosen_where_it_is_imported() -> None:
    assert VARIABLES["datasource"]["type"] == "datasource"
    sources = [panel["datasource"]["uid"] for panel in PANELS]
    assert set(sources) == {"${datasource}"}


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
