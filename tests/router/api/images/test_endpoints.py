"""The image endpoints' answers, whole."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shared.wire.jobs import ImageJob
from shared.wire.payloads import Done, Failed, FinishReason, Payload, Picture, Progress, Started
from tests.support.requests.images import CAT, INPUT, image_broker
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
    for entry in answer["data"]:
        assert entry["base64"] == entry["b64_json"]
        assert base64.b64decode(entry["base64"]) == png(0, 8)
        name = urlsplit(entry["url"]).path.removeprefix("/v1/images/")
        assert (tmp_path / "images" / name).read_bytes() == png(0, 8)


def test_openais_picture_is_there_once_and_is_not_kept(broker: FakeBroker, tmp_path: Path) -> None:
    for given in ({}, {"response_format": "b64_json"}):
        (entry,) = post(broker, "/v1/images/generations", {**CAT, **given}).json()["data"]
        assert base64.b64decode(entry["b64_json"]) == png(0, 8)
        assert not {"url", "base64"} & set(entry)
    assert not (tmp_path / "images").exists()


@pytest.mark.parametrize("path", WORDS)
def test_only_the_address_if_that_is_asked_for(broker: FakeBroker, path: str) -> None:
    (entry,) = post(broker, path, {**CAT, "response_format": "url"}).json()["data"]
    assert "base64" not in entry
    assert "b64_json" not in entry
    assert ask(broker, "GET", entry["url"]).content == png(0, 8)


def test_pictures_are_in_their_order_even_if_they_come_in_another(broker: FakeBroker) -> None:
    def later_for_lower_seeds(job: ImageJob) -> list[Payload]:
        steps = [Progress(1, 1)] * (100 - job.seed)
        return [Started(0, 0), *steps, Picture(job.seed, 64, 64, png(job.seed)), DONE]

    broker.script, broker.in_turn = later_for_lower_seeds, False
    data = post(broker, "/v1/txt2img", {**CAT, "n": 3, "seed": 10}).json()["data"]
    assert [entry["seed"] for entry in data] == [10, 11, 12]
    assert [base64.b64decode(entry["b64_json"]) for entry in data] == [png(10), png(11), png(12)]


def test_each_picture_is_a_job_with_the_next_seed(broker: FakeBroker) -> None:
    post(broker, "/v1/img2img", {**INPUT, "n": 3, "seed": 5})
    requests = [job.request for job in broker.jobs]
    assert [request.work.seed for request in requests if isinstance(request.work, ImageJob)] == [5, 6, 7]
    assert {request.blobs for request in requests} == {(png(9),)}
    assert [request.follows for request in requests] == [False, True, True]


def test_a_failed_picture_fails_the_order_and_ends_the_others(broker: FakeBroker) -> None:
    def fails_second(job: ImageJob) -> list[Payload]:
        end = Failed(500, "two workers died") if job.seed == 1 else Picture(job.seed, 64, 64, png())
        return [Started(0, 0), end, *([DONE] if job.seed == 0 else [])]

    broker.script = fails_second
    response = post(broker, "/v1/txt2img", {**CAT, "n": 4})
    assert response.status_code == 500
    assert "two workers died" in response.json()["error"]["message"]
    assert broker.cancelled == broker.jobs[2:]


def test_an_order_is_not_limited_by_the_places_of_the_queue(tmp_path: Path) -> None:
    broker = image_broker(output_folder=str(tmp_path), queue_limit=1)
    assert len(post(broker, "/v1/txt2img", {**CAT, "n": 10}).json()["data"]) == 10


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
