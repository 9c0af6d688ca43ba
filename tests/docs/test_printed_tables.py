"""The tables in the documents for users say what the code says: options, metrics, endpoints and their fields."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from router.cli.options_table import options_table
from tests.support.printed import API_DOCUMENTS, sections, table_rows, text_of
from tests.support.router.client import COMPLETION, app_of, ask, post
from tests.support.router.watched_broker import FakeGpus, WatchedBroker

GENERATING = "Fields of all generating endpoints"
TEXT = "Fields of all text endpoints"
IMAGE = "Fields of all image endpoints"
FIELDS = {
    "POST /v1/completions": (GENERATING, TEXT),
    "POST /v1/chat/completions": (GENERATING, TEXT),
    "POST /v1/function-calling": (GENERATING, TEXT, "POST /v1/chat/completions"),
    "POST /tokenize": (GENERATING, TEXT, "POST /v1/chat/completions"),
    "POST /detokenize": (),
    "POST /v1/messages": (),
    "POST /v1/messages/count_tokens": (),
    "POST /v1/responses": (GENERATING, TEXT),
    "POST /v1/embeddings": (),
    "POST /v1/rerank": (),
    "POST /api/chat": (),
    "POST /api/generate": (),
    "POST /api/embed": (),
    "POST /api/embeddings": (),
    "POST /api/show": (),
    "POST /api/pull": (),
    "POST /api/copy": (),
    "POST /v1/keys": (),
    "POST /v1/pulls": (),
    "POST /v1/files": (),
    "POST /v1/batches": (),
    "POST /v1/audio/transcriptions": (GENERATING,),
    "POST /v1/audio/translations": (GENERATING, "POST /v1/audio/transcriptions"),
    "POST /v1/txt2img": (GENERATING, IMAGE),
    "POST /v1/img2img": (GENERATING, IMAGE),
    "POST /v1/images/generations": (GENERATING, IMAGE, "POST /v1/txt2img"),
    "POST /v1/images/edits": (GENERATING, IMAGE, "POST /v1/img2img"),
    "POST /sdapi/v1/txt2img": (),
}
"""The sections of API documents that have an endpoint's fields, besides its own, which overrides them."""

NOT_IN_TRANSLATIONS = {"timestamp_granularities[]"}
FILES = {"image", "mask", "file"}
"""Files in forms; some are named by texts in JSON."""


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    described: dict[str, Any] = app_of(WatchedBroker()).openapi()
    return described


def test_the_readme_is_short() -> None:
    assert len(text_of("README.md").splitlines()) <= 120


def test_the_table_of_options_is_the_generated_one() -> None:
    document = text_of("docs/operating.md")
    begin, end = "<!-- options: python -m router.cli.options_table -->", "<!-- end of options -->"
    printed = document.partition(begin)[2].partition(end)[0]
    assert printed.strip() == options_table().strip(), "put the output of that command between the two comments"


def test_the_table_of_metrics_has_what_is_exported_with_type_and_labels() -> None:
    broker = WatchedBroker()
    app_of(broker).state.gpus = FakeGpus()
    post(broker, "/v1/completions", COMPLETION)
    exported = {}
    for family in text_string_to_metric_families(ask(broker, "GET", "/metrics").text):
        if not family.name.endswith("_created"):
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            exported[family.name] = (family.type, labels)
    printed = {
        name.strip("`"): (kind, set(filter(None, labels.split(", "))))
        for name, kind, labels, _ in table_rows(sections("docs/operating.md")["Metrics"])
    }
    assert printed == exported


def test_every_endpoint_is_documented(openapi: dict[str, Any]) -> None:
    served = {f"{method.upper()} {path}" for path, methods in openapi["paths"].items() for method in methods}
    documented = {head for head in api_sections() if re.match(r"(GET|POST|DELETE|PUT) /", head)}
    assert documented == served


@pytest.mark.parametrize("endpoint", FIELDS)
def test_an_endpoint_has_the_fields_and_defaults_that_are_printed(endpoint: str, openapi: dict[str, Any]) -> None:
    printed = printed_fields(endpoint)
    for body in bodies(openapi, endpoint.partition(" ")[2]):
        required = body.get("required", [])
        real = {name: field for name, field in body["properties"].items() if field.get("format") != "binary"}
        files = body["properties"].keys() - real.keys()
        assert set(printed) - FILES == {form_name(name) for name in real} - FILES
        assert files <= set(printed)
        for name, field in real.items():
            default = printed[form_name(name)]
            if name in required:
                assert default == "required", name
            else:
                assert (json.loads(default) if default else None) == field.get("default"), name


def api_sections() -> dict[str, str]:
    """The sections of all documents of the API. No two have the same head."""
    found: dict[str, str] = {}
    for document in API_DOCUMENTS:
        more = sections(document)
        assert not (both := more.keys() & found.keys()), both
        found |= more
    return found


def printed_fields(endpoint: str) -> dict[str, str]:
    """The printed default of each field: JSON, ``required`` or nothing."""
    documented = api_sections()
    found: dict[str, str] = {}
    for section in (*FIELDS[endpoint], endpoint):
        for names, _, default, _ in table_rows(documented[section]):
            for name in re.findall(r"`([^`]+)`", names):
                if default or name not in found:
                    found[name] = default.strip("`")
    if endpoint == "POST /v1/audio/translations":
        found = {name: default for name, default in found.items() if name not in NOT_IN_TRANSLATIONS}
    return found


def form_name(name: str) -> str:
    """Lists of a form have OpenAI's brackets in the documents."""
    return f"{name}[]" if name == "timestamp_granularities" else name


def bodies(openapi: dict[str, Any], path: str) -> list[dict[str, Any]]:
    """The schemas of the bodies that an endpoint takes."""
    found = []
    for content in openapi["paths"][path]["post"]["requestBody"]["content"].values():
        schema = content["schema"]
        if "$ref" in schema:
            schema = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        found.append(schema)
    return found
