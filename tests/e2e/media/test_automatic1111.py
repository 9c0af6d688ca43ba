"""Automatic1111's API with a real model: what its clients do, in their order."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx
from PIL import Image

from tests.support.running_server import RunningServer

ORDER = {"prompt": "a cat", "negative_prompt": "rain", "width": 64, "height": 64, "steps": 2, "seed": 5}
PAINTER = {"override_settings": {"sd_model_checkpoint": "painter"}}


def post(server: RunningServer, name: str, body: Any) -> Any:
    answer = httpx.post(f"{server.url}/sdapi/v1/{name}", json=body, timeout=120)
    assert answer.status_code == 200, answer.text
    return answer.json()


def get(server: RunningServer, name: str) -> Any:
    answer = httpx.get(f"{server.url}/sdapi/v1/{name}", timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json()


def picture(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_picture_tells_in_its_file_and_beside_it_how_it_was_painted(all_kinds: RunningServer) -> None:
    answer = post(all_kinds, "txt2img", {**ORDER, **PAINTER, "sampler_name": "DPM++ 2M Karras", "batch_size": 2})
    info = json.loads(answer["info"])
    assert [picture(image).size for image in answer["images"]] == [(64, 64)] * 2
    assert (info["all_seeds"], info["steps"], info["sampler_name"]) == ([5, 6], 2, "DPM++ 2M")
    first = info["infotexts"][0]
    assert first.startswith("a cat\nNegative prompt: rain\nSteps: 2, Sampler: ")
    assert picture(answer["images"][0]).info["parameters"] == first
    told = post(all_kinds, "png-info", {"image": answer["images"][0]})
    assert (told["info"], told["parameters"]["Seed"], told["parameters"]["Size-1"]) == (first, "5", "64")
    again = post(all_kinds, "txt2img", {**ORDER, **PAINTER, "sampler_name": "dpm++2m", "scheduler": "karras"})
    assert again["images"][0] == answer["images"][0]


def test_a_picture_is_painted_over_another_with_a_mask(all_kinds: RunningServer) -> None:
    (image,) = post(all_kinds, "txt2img", {**ORDER, **PAINTER})["images"]
    buffer = io.BytesIO()
    Image.new("L", (64, 64), 0).save(buffer, "PNG")
    black = base64.b64encode(buffer.getvalue()).decode()
    body = {**ORDER, **PAINTER, "init_images": [image], "mask": black, "denoising_strength": 0.5}
    (same,) = post(all_kinds, "img2img", body)["images"]
    assert picture(same).tobytes() == picture(image).tobytes()


def test_the_lists_and_the_progress_fit_what_is_served(all_kinds: RunningServer) -> None:
    (model,) = get(all_kinds, "sd-models")
    assert get(all_kinds, "options")["sd_model_checkpoint"] == model["title"]
    progress = get(all_kinds, "progress")
    assert (progress["progress"], progress["state"]["job_count"]) == (0.0, 0)
