"""Each parameter of OpenAI's own client for pictures is honoured or refused, and none is ignored in silence."""

from __future__ import annotations

import base64
import inspect
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from PIL import Image

from shared.wire.jobs import ImageJob
from shared.wire.payloads import Done, FinishReason, Payload, Picture, Started
from tests.support.requests.images import image_broker
from tests.support.requests.pictures import png
from tests.support.router.client import serving
from tests.support.router.fake_broker import FakeBroker

TRANSPORT = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}
"""Parameters of the client itself."""

Given = dict[str, Any]

HONOURED: list[tuple[str, Given, Given]] = [
    ("prompt", {"prompt": "a dog"}, {"prompt": "a dog"}),
    ("prompt", {"prompt": "a" * 32_000}, {"prompt": "a" * 32_000}),
    ("size", {"size": "auto"}, {"width": 0, "height": 0}),
    ("size", {"size": "1024x1024"}, {"width": 1024, "height": 1024}),
    ("size", {"size": "1024x1536"}, {"width": 1024, "height": 1536, "may_enlarge": True}),
    ("size", {"size": "1536x1024"}, {"width": 1536, "height": 1024, "may_enlarge": True}),
    ("size", {"size": "1792x1024"}, {"width": 1792, "height": 1024, "may_enlarge": True}),
    ("size", {"size": "1024x1792"}, {"width": 1024, "height": 1792, "may_enlarge": True}),
    ("size", {"size": "256x256"}, {"width": 256, "height": 256}),
    ("size", {"size": "1008x656"}, {"width": 1008, "height": 656}),
    ("quality", {"quality": "auto"}, {"quality": None, "steps": None}),
    ("quality", {"quality": "low"}, {"quality": "low", "steps": None}),
    ("quality", {"quality": "medium"}, {"quality": "medium"}),
    ("quality", {"quality": "high"}, {"quality": "high"}),
    ("quality", {"quality": "xhigh"}, {"quality": "xhigh"}),
    ("quality", {"quality": "max"}, {"quality": "max"}),
    ("quality", {"quality": "standard"}, {"quality": "medium"}),
    ("quality", {"quality": "hd"}, {"quality": "high"}),
    ("output_format", {"output_format": "jpeg"}, {"format": "jpeg", "compression": 100}),
    ("output_format", {"output_format": "webp"}, {"format": "webp"}),
    ("output_format", {"output_format": "png"}, {"format": "png"}),
    ("output_compression", {"output_format": "webp", "output_compression": 40}, {"compression": 40}),
    ("output_compression", {"output_format": "jpeg", "output_compression": 0}, {"compression": 0}),
    ("background", {"background": "opaque"}, {}),
    ("background", {"background": "auto"}, {}),
    ("model", {"model": "smol"}, {}),
    ("user", {"user": "me"}, {}),
    ("safety_identifier", {"safety_identifier": "me"}, {}),
    ("complexity", {"complexity": "high"}, {}),
    ("response_format", {"response_format": "url"}, {}),
    ("response_format", {"response_format": "b64_json"}, {}),
    ("n", {"n": 3}, {}),
]
WITH_TEXT: list[tuple[str, Given, Given]] = [
    ("moderation", {"moderation": "low"}, {}),
    ("moderation", {"moderation": "auto"}, {}),
    ("style", {"style": "natural"}, {}),
]
WITH_PICTURES: list[tuple[str, Given, Given]] = [
    ("input_fidelity", {"input_fidelity": "high"}, {"high_fidelity": True, "strength": None}),
    ("input_fidelity", {"input_fidelity": "low"}, {"high_fidelity": False}),
    ("mask", {"mask": ("mask.png", png(4))}, {"init": 0, "mask": 1}),
    ("image", {"image": [png(1), png(2), png(3)]}, {"init": 0, "references": [1, 2], "mask": None}),
    ("image", {"image": [png(number) for number in range(16)]}, {"references": list(range(1, 16))}),
    ("image", {"image": [png(1), png(2)], "mask": png(4)}, {"init": 0, "references": [1], "mask": 2}),
]
STREAMED = {"stream", "partial_images"}
NEVER_MET = {"frame_count", "frame_duration_ms", "svg", "markup"}
REFUSED: list[tuple[Given, str]] = [
    ({"background": "transparent"}, "background"),
    ({"output_compression": 40}, "output_compression"),
    ({"size": "32x32"}, "size"),
    ({"size": "3840x2160"}, "size"),
    ({"n": 11}, "n"),
    ({"partial_images": 1}, "partial_images"),
    ({"prompt": "a" * 32_001}, "prompt"),
    ({"quality": "best"}, "quality"),
    ({"output_format": "gif"}, "output_format"),
    ({"output_format": "svg"}, "output_format"),
    ({"frame_count": 9}, "frame_count"),
    ({"frame_duration_ms": 100}, "frame_duration_ms"),
]


@pytest.fixture
def broker(tmp_path: Path) -> FakeBroker:
    return image_broker(output_folder=str(tmp_path))


@pytest.fixture
def client(broker: FakeBroker) -> Iterator[openai.OpenAI]:
    with serving(broker) as url, openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as made:
        yield made


def jobs_of(broker: FakeBroker) -> list[ImageJob]:
    return [job.request.work for job in broker.jobs if isinstance(job.request.work, ImageJob)]


def checked(broker: FakeBroker, given: Given, expected: Given, answer: Any) -> None:
    jobs = jobs_of(broker)
    assert len(jobs) == len(answer.data) == given.get("n", 1)
    assert {name: getattr(jobs[0], name) for name in expected} == expected
    assert answer.output_format == given.get("output_format", "png")
    is_url = given.get("response_format") == "url"
    assert all((picture.url is not None) == is_url for picture in answer.data)
    assert all((picture.b64_json is not None) != is_url for picture in answer.data)
    if is_url:
        assert answer.data[0].url.split("?")[0].endswith(f".{answer.output_format}")


def test_every_parameter_of_the_client_is_tried() -> None:
    for method, cases in (
        (openai.resources.Images.generate, HONOURED + WITH_TEXT),
        (openai.resources.Images.edit, HONOURED + WITH_PICTURES),
    ):
        assert set(inspect.signature(method).parameters) - TRANSPORT - STREAMED - NEVER_MET == {
            name for name, _, _ in cases
        }


def test_parameters_of_pictures_from_text(client: openai.OpenAI, broker: FakeBroker) -> None:
    for _, given, expected in HONOURED + WITH_TEXT:
        checked(broker, given, expected, client.images.generate(**{"prompt": "a cat", **given}))
        broker.jobs.clear()


def test_parameters_of_pictures_from_pictures(client: openai.OpenAI, broker: FakeBroker) -> None:
    for name, given, expected in HONOURED + WITH_PICTURES:
        if given.get("size") == "auto":
            expected = {"width": 1, "height": 1}
        answer = client.images.edit(**{"prompt": "a cat", "image": ("photo.png", png(9)), **given})
        checked(broker, given, expected, answer)
        if name == "image":
            files = [*given["image"], *([given["mask"]] if "mask" in given else [])]
            assert [bytes(blob) for blob in broker.jobs[0].request.blobs] == files
        broker.jobs.clear()


@pytest.mark.parametrize(("given", "param"), REFUSED)
def test_what_cannot_be_honoured_is_refused(client: openai.OpenAI, given: Given, param: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.images.generate(**{"prompt": "a cat", **given})
    assert error.value.param == param
    with pytest.raises(openai.BadRequestError) as error:
        client.images.edit(**{"prompt": "a cat", "image": png(9), **given})
    assert error.value.param == param


def test_what_only_some_requests_can_have_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="no GIF or SVG"):
        client.images.generate(prompt="a cat", svg={"model": "author"})
    with pytest.raises(openai.BadRequestError, match="drawing on the picture itself"):
        client.images.edit(prompt="a cat", image=png(9), markup=png(4))


def test_previews_are_files_of_the_wanted_format(client: openai.OpenAI, broker: FakeBroker) -> None:
    stream = client.images.generate(
        prompt="a cat", stream=True, partial_images=2, output_format="webp", extra_body={"steps": 4}
    )
    done = next(event for event in stream if event.type == "image_generation.completed")
    assert done.output_format == "webp"
    assert (jobs_of(broker)[0].previews, jobs_of(broker)[0].format) == (2, "webp")


def test_a_picture_that_is_kept_has_its_own_type(client: openai.OpenAI, broker: FakeBroker) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "WEBP")

    def paints_webp(job: ImageJob) -> list[Payload]:
        picture = Picture(job.seed, 8, 8, buffer.getvalue(), job.format)
        return [Started(0, 0), picture, Done(FinishReason.STOP, 0, 0, 0, 0.1)]

    broker.script = paints_webp
    (picture,) = client.images.generate(prompt="a cat", output_format="webp", response_format="url").data or []
    fetched = client._client.get(picture.url or "")
    assert (fetched.headers["content-type"], fetched.content) == ("image/webp", buffer.getvalue())


def test_what_has_no_effect_is_named(client: openai.OpenAI) -> None:
    answer = client.images.with_raw_response.generate(
        prompt="a cat", style="vivid", quality="hd", extra_body={"steps": 4, "colour": "red", "sampler": "UniPC"}
    )
    assert answer.headers["X-Nexa-Warning"].split("; ") == [
        "colour: this server has no such field",
        "style: has no effect, unlike words of the prompt",
        "quality: has no effect beside a number of steps",
        "sampler: dpm++2m is used instead of UniPC, which there is not",
    ]
    assert base64.b64decode((answer.parse().data or [])[0].b64_json or "") == png(0, 8)
