"""Second passes and larger copies by a real server with small models of random weights."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import httpx
import pytest
from PIL import Image

from scripts.make_images.esrgan import make_esrgan
from tests.support.running_server import RunningServer, running
from tests.support.tiny_sd import tiny_sd


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("esrgan")
    upscaler = make_esrgan(folder)["upscaler"]
    with running(f"{tiny_sd()}@upscaler={upscaler}", "--output-folder", str(folder)) as ready:
        yield ready


def size(data: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(base64.b64decode(data))).size


def test_a_picture_is_enlarged_in_both_apis(server: RunningServer) -> None:
    order = {"prompt": "a cat", "width": 64, "height": 64, "sample_steps": 1}
    small = server.post("/v1/txt2img", order)["data"][0]["b64_json"]
    (entry,) = server.post("/v1/images/upscale", {"image_path": small, "scale": 2})["data"]
    assert size(entry["b64_json"]) == (128, 128)
    names = [row["name"] for row in httpx.get(f"{server.url}/sdapi/v1/upscalers", timeout=30).json()]
    assert names[-1] == "esrgan-x4"
    answer = server.post(
        "/sdapi/v1/extra-single-image", {"image": small, "upscaler_1": "esrgan-x4", "upscaling_resize": 3}
    )
    assert size(answer["image"]) == (192, 192)


def test_a_second_pass_gives_the_larger_picture(server: RunningServer) -> None:
    order = {"prompt": "a cat", "width": 64, "height": 64, "steps": 1, "enable_hr": True, "hr_scale": 2}
    (image,) = server.post("/sdapi/v1/txt2img", order)["images"]
    assert size(image) == (128, 128)
