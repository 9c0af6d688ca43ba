"""Bodies of img2img and edits: forms with input pictures, and JSON."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.wire.jobs import ImageJob
from tests.support.requests.images import CAT, INPUT, image_broker, job_of, refused
from tests.support.requests.pictures import in_base64, png
from tests.support.router.client import ask, http_client, post
from tests.support.router.fake_broker import FakeBroker

BOTH = ["/v1/img2img", "/v1/images/edits"]
IMAGE = ("image", ("photo.png", png(9), "image/png"))
MASK = ("mask", ("mask.png", png(4), "image/png"))
LIMIT_BYTES = 3_000_000
MAX_PIXELS = 1024 * 1024


@pytest.fixture
def broker(tmp_path: Path) -> FakeBroker:
    return image_broker(
        output_folder=str(tmp_path / "images"),
        media_folder=str(tmp_path / "media"),
        max_upload_bytes=LIMIT_BYTES,
        max_body_bytes=1_000_000,
    )


def form(broker: FakeBroker, path: str, *files: Any, **request: Any) -> httpx.Response:
    """The response to a form with a prompt, these files, and other fields as ``data``."""
    data = {**CAT, **request.pop("data", {})}
    return ask(broker, "POST", path, files=list(files), data=data, **request)


def blobs_of(broker: FakeBroker) -> list[bytes]:
    return [bytes(memoryview(blob)) for blob in broker.jobs[-1].request.blobs]


def test_an_upload_with_the_native_defaults(broker: FakeBroker) -> None:
    job = job_of(broker, form(broker, "/v1/img2img", IMAGE))
    assert job == ImageJob("a cat", width=1, height=1, max_pixels=MAX_PIXELS, native=True, seed=0, init=0)
    assert blobs_of(broker) == [png(9)]


def test_an_upload_with_openai_s_defaults(broker: FakeBroker) -> None:
    job = job_of(broker, form(broker, "/v1/images/edits", IMAGE, MASK))
    size: dict[str, Any] = {"width": 1, "height": 1, "max_pixels": MAX_PIXELS, "may_enlarge": True}
    assert job == ImageJob("a cat", **size, seed=7, init=0, mask=1)
    assert blobs_of(broker) == [png(9), png(4)]


@pytest.mark.parametrize("path", BOTH)
def test_fields_of_a_form_are_texts(broker: FakeBroker, path: str) -> None:
    data = {
        "width": "64",
        "height": "128",
        "size": "",
        "n": "2",
        "sample_steps": "3",
        "cfg_scale": "2.5",
        "seed": "7",
        "strength": "0.25",
        "sampler_name": "lcm",
        "stream": "true",
        "partial_images": "1",
        "response_format": "b64_json",
        "quality": "high",
    }
    job = job_of(broker, form(broker, path, IMAGE, data=data))
    assert job == ImageJob(
        "a cat",
        width=64,
        height=128,
        max_pixels=MAX_PIXELS,
        may_enlarge="edits" in path,
        native="edits" not in path,
        quality="high",
        steps=3,
        cfg_scale=2.5,
        seed=8,
        strength=0.25,
        sampler="lcm",
        previews=1,
        init=0,
    )
    assert len(broker.jobs) == 2


def test_the_answer_to_a_form_is_the_same(broker: FakeBroker) -> None:
    (entry,) = form(broker, "/v1/img2img", IMAGE).json()["data"]
    (same,) = post(broker, "/v1/img2img", INPUT).json()["data"]
    assert entry["b64_json"] == same["b64_json"]
    text = form(broker, "/v1/images/edits", IMAGE, data={"stream": "true"}).text
    assert '"type":"image_edit.completed"' in text
    assert text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("name", ["image", "image[]", "image_path"])
def test_names_of_the_file(broker: FakeBroker, path: str, name: str) -> None:
    job_of(broker, form(broker, path, (name, IMAGE[1])))
    assert blobs_of(broker) == [png(9)]


@pytest.mark.parametrize("path", BOTH)
def test_a_form_may_name_its_picture_too(broker: FakeBroker, tmp_path: Path, path: str) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "photo.png").write_bytes(png(3))
    assert job_of(broker, form(broker, path, MASK, data={"image_path": "photo.png"})).mask == 1
    assert blobs_of(broker) == [png(3), png(4)]
    assert job_of(broker, form(broker, path, IMAGE, data={"mask_path": in_base64(png(5))})).mask == 1
    assert blobs_of(broker) == [png(9), png(5)]


@pytest.mark.parametrize("path", BOTH)
def test_json_is_taken_too(broker: FakeBroker, path: str) -> None:
    assert job_of(broker, post(broker, path, INPUT)).init == 0


def test_a_large_upload_does_not_lie_in_memory(broker: FakeBroker) -> None:
    data = png(1) + bytes(2_000_000)
    job_of(broker, form(broker, "/v1/img2img", ("image", ("photo.png", data))))
    (blob,) = broker.jobs[-1].request.blobs
    assert type(blob).__name__ == "mmap"
    assert blobs_of(broker) == [data]


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize(
    ("files", "data", "param", "told"),
    [
        ([MASK], {}, "image_path", "image_path is required"),
        ([IMAGE] * 17, {}, "image", "expected at most 16 pictures, got 17"),
        ([("image[]", IMAGE[1])] * 17, {}, "image", "expected at most 16 pictures, got 17"),
        ([IMAGE, ("image_path", IMAGE[1])], {}, "image_path", "got both"),
        ([IMAGE, MASK, MASK], {}, "mask", "expected one file, got 2"),
        ([IMAGE], {"image_path": "photo.png"}, "image_path", "got both"),
        ([IMAGE, MASK], {"mask_path": "photo.png"}, "mask_path", "got both"),
        ([MASK], {"image": "photo.png"}, "image", "a file"),
        ([("image", ("photo.png", b""))], {}, "image", "empty"),
        ([IMAGE], {"prompt": ""}, "prompt", "required"),
        ([IMAGE], {"prompt": "a\0b"}, "prompt", "NUL"),
        ([IMAGE], {"width": "10"}, "width", "64 to 4096"),
        ([IMAGE], {"width": "wide"}, "width", "integer"),
        ([IMAGE], {"cfg_scale": "nan"}, "cfg_scale", "number"),
        ([IMAGE], {"strength": "0"}, "strength", "expected more than 0, got"),
        ([IMAGE], {"output_format": "gif"}, "output_format", "'png'"),
        ([IMAGE], {"partial_images": "1"}, "partial_images", "stream"),
        ([MASK], {"image_path": "../photo.png"}, "image_path", "'..'"),
    ],
)
def test_what_is_not_accepted_is_refused_by_name(
    broker: FakeBroker, path: str, files: list[Any], data: dict[str, str], param: str, told: str
) -> None:
    assert told in refused(broker, form(broker, path, *files, data=data), param)


def test_an_upload_that_is_too_large(broker: FakeBroker) -> None:
    large = ("image", ("photo.png", bytes(LIMIT_BYTES + 1)))
    assert f"at most {LIMIT_BYTES}" in refused(broker, form(broker, "/v1/img2img", large), "image", 413)


def test_json_has_its_own_limit_where_uploads_may_be_larger(broker: FakeBroker) -> None:
    body = {**CAT, "image_path": in_base64(bytes(1_000_000))}
    assert "a form may be larger" in refused(broker, post(broker, "/v1/img2img", body), None, 413)

    async def go() -> httpx.Response:
        async def pieces() -> Any:
            for _ in range(200):
                yield b" " * 10_000

        async with http_client(broker) as client:
            headers = {"Content-Type": "application/json"}
            return await client.post("/v1/img2img", content=pieces(), headers=headers)

    refused(broker, asyncio.run(go()), None, 413)


@pytest.mark.parametrize("path", BOTH)
def test_a_form_of_another_site_is_refused(broker: FakeBroker, path: str) -> None:
    response = form(broker, path, IMAGE, headers={"Sec-Fetch-Site": "cross-site"})
    assert "expected a form from this site" in refused(broker, response, None, 403)


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_other_types_are_refused(broker: FakeBroker, path: str, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    response = ask(broker, "POST", path, content=b'{"prompt": "a cat"}', headers=headers)
    assert "multipart/form-data" in refused(broker, response, "Content-Type")


@pytest.mark.parametrize("body", [[], "x", 5, True])
def test_json_that_is_no_object(broker: FakeBroker, body: Any) -> None:
    assert "object" in refused(broker, post(broker, "/v1/img2img", body), None)


def test_broken_json_and_forms(broker: FakeBroker) -> None:
    for kind, content in (
        ("application/json", b"{"),
        ("application/json", b""),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"no form"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n',
        ),
    ):
        response = ask(broker, "POST", "/v1/img2img", content=content, headers={"Content-Type": kind})
        assert response.status_code == 400, (kind, content, response.text)
        assert response.json()["error"]["message"]


@pytest.mark.parametrize("path", BOTH)
def test_both_bodies_are_in_the_schema(broker: FakeBroker, path: str) -> None:
    operation = ask(broker, "GET", "/openapi.json").json()["paths"][path]["post"]
    content = operation["requestBody"]["content"]
    assert set(content) == {"application/json", "multipart/form-data"}
    in_form = content["multipart/form-data"]["schema"]["properties"]
    assert in_form["image"]["format"] == "binary"
    assert in_form["mask"]["format"] == "binary"
    assert in_form["n"]["default"] == 1
    assert content["application/json"]["schema"]["properties"]["image_path"]["type"] == "string"
    assert {"400", "403", "413", "415", "429"} <= set(operation["responses"])


def photo(width: int, height: int) -> bytes:
    """A PNG whose header has these dimensions; only the worker looks further."""
    data = bytearray(png(9))
    data[16:24] = struct.pack(">II", width, height)
    return bytes(data)


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize(
    ("size", "data", "expected"),
    [
        ((90, 70), {}, (90, 70)),
        ((100, 80), {"size": "auto"}, (100, 80)),
        ((640, 448), {}, (640, 448)),
        ((1024, 1024), {}, (1024, 1024)),
        ((4000, 3000), {}, (1182, 886)),
        ((3000, 4000), {"size": "auto"}, (886, 1182)),
        ((9000, 10), {}, (4096, 4)),
        ((1, 1), {}, (1, 1)),
        ((400, 200), {"width": "256"}, (256, 128)),
        ((400, 200), {"height": "256"}, (512, 256)),
        ((400, 200), {"height": "512"}, (1024, 512)),
        ((400, 200), {"width": "64", "height": "128"}, (64, 128)),
        ((400, 200), {"size": "192x64"}, (192, 64)),
    ],
)
def test_the_size_follows_the_input(
    broker: FakeBroker, path: str, size: tuple[int, int], data: dict[str, str], expected: tuple[int, int]
) -> None:
    response = form(broker, path, ("image", ("photo.png", photo(*size))), data=data)
    job = job_of(broker, response)
    assert (job.width, job.height) == expected
    assert response.json()["size"] == f"{expected[0]}x{expected[1]}"


def test_an_input_of_unknown_size_is_left_to_the_worker(broker: FakeBroker) -> None:
    job = job_of(broker, form(broker, "/v1/img2img", ("image", ("photo.png", b"no picture"))))
    assert (job.width, job.height) == (0, 0)
