"""The image endpoints' answers, whole."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from shared.wire.payloads import Done, Failed, FinishReason, Picture, Started
from tests.support.requests.images import CAT, INPUT
from tests.support.requests.pictures import png
from tests.support.router.client import ask, post
from tests.support.router.fake_broker import QUEUE_FULL, FakeBroker

WORDS = ["/v1/txt2img", "/v1/images/generations"]
DONE = Done(FinishReason.STOP, 0, 0, 0, 0.1)


def test_a_picture_has_both_vocabularies(broker: FakeBroker, tmp_path: Path) -> None:
    answer = post(broker, "/v1/txt2img", {**CAT, "seed": 5, "n": 2, "width": 128, "height": 64}).json()
    assert answer["created"] > 1_700_000_000
    assert answer["size"] == "128x64"
    assert answer["output_format"] == "png"
    assert [entry["seed"] for entry in answer["data"]] == [5, 6]
    for index, entry in enumerate(answer["data"]):
        assert entry["base64"] == entry["b64_json"]
        assert base64.b64decode(entry["base64"]) == png(index, 8)
        name = entry["url"].removeprefix("/v1/images/")
        assert (tmp_path / "images" / name).read_bytes() == png(index, 8)


@pytest.mark.parametrize("path", WORDS)
def test_only_the_address_if_that_is_asked_for(broker: FakeBroker, path: str) -> None:
    (entry,) = post(broker, path, {**CAT, "response_format": "url"}).json()["data"]
    assert "base64" not in entry
    assert "b64_json" not in entry
    assert ask(broker, "GET", entry["url"]).content == png(0, 8)


def test_pictures_are_in_their_order_even_if_they_come_in_another(broker: FakeBroker) -> None:
    pictures = [Picture(index, 10 + index, 64, 64, png(index)) for index in (1, 0)]
    broker.script = [Started(0, 0), *pictures, DONE]
    data = post(broker, "/v1/txt2img", {**CAT, "n": 2}).json()["data"]
    assert [entry["seed"] for entry in data] == [10, 11]


def test_a_failed_job_is_an_error_with_its_status(broker: FakeBroker) -> None:
    broker.script = [Started(0, 0), Failed(415, "image: it is no picture", "image")]
    response = post(broker, "/v1/img2img", INPUT)
    assert response.status_code == 415
    assert response.json()["error"]["param"] == "image"
    assert response.json()["error"]["type"] == "unsupported_media_type"


def test_a_full_queue(broker: FakeBroker) -> None:
    broker.refusal = QUEUE_FULL
    response = post(broker, "/v1/txt2img", CAT)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "3")


@pytest.mark.parametrize("path", WORDS)
def test_the_documented_example_is_in_the_schema_and_works(broker: FakeBroker, path: str) -> None:
    schema = ask(broker, "GET", "/openapi.json").json()
    operation = schema["paths"][path]["post"]
    name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    (example,) = schema["components"]["schemas"][name]["examples"]
    assert post(broker, path, example).status_code == 200
    assert {"400", "401", "404", "413", "429", "503", "504"} <= set(operation["responses"])
    assert "422" not in json.dumps(operation["responses"])
