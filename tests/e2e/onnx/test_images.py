"""``nexa server onnx FOLDER`` with a tiny Stable Diffusion in ONNX."""

from __future__ import annotations

import base64
import io
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import OpenAI
from PIL import Image

from tests.support.onnx.tiny_pipelines import tiny_pipeline
from tests.support.running_server import RunningServer, running, wait_until

SMALL = {"prompt": "a lighthouse at dawn", "width": 64, "height": 64, "sample_steps": 3}


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with the tiny model."""
    folder = tmp_path_factory.mktemp("images")
    with running("onnx", str(tiny_pipeline()), "--output-folder", str(folder)) as server:
        yield server


def picture(entry: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(entry["b64_json"])))


def photo() -> bytes:
    target = io.BytesIO()
    Image.radial_gradient("L").resize((100, 80)).save(target, "PNG")
    return target.getvalue()


def test_pictures_of_one_request_have_their_seeds_parameters_and_addresses(painter: RunningServer) -> None:
    body = {**SMALL, "width": 128, "seed": 5, "n": 2, "negative_prompt": "fog", "sampler": "dpm++2m"}
    first, second = painter.post("/v1/txt2img", body)["data"]
    assert (first["seed"], second["seed"]) == (5, 6)
    assert picture(first).size == (128, 64)
    assert "Sampler: dpm++2m" in picture(first).info["parameters"]
    assert httpx.get(first["url"]).content == base64.b64decode(first["base64"])
    (again,) = painter.post("/v1/txt2img", {**body, "seed": 6, "n": 1})["data"]
    assert again["b64_json"] == second["b64_json"]


def test_an_input_picture_and_its_mask_matter(painter: RunningServer) -> None:
    form = {name: str(value) for name, value in SMALL.items()}
    mask = io.BytesIO()
    Image.new("L", (100, 80), "black").save(mask, "PNG")
    found = []
    for files in ({"image": photo()}, {"image": photo(), "mask": mask.getvalue()}):
        answer = painter.client.post("/v1/img2img", files=files, data=form)
        assert answer.status_code == 200, answer.text
        found.append(picture(answer.json()["data"][0]))
    assert found[0].size == found[1].size == (64, 64)
    assert found[0].tobytes() != found[1].tobytes()


def test_openai_s_package_paints_and_edits(painter: RunningServer) -> None:
    with OpenAI(base_url=f"{painter.url}/v1", api_key="none", max_retries=0) as client:
        steps = {"sample_steps": 2, "seed": 3}
        made = client.images.generate(prompt="a cat", size="64x64", n=2, extra_body=steps)
        assert [picture({"b64_json": entry.b64_json}).size for entry in made.data or []] == [(64, 64)] * 2
        edited = client.images.edit(image=("photo.png", photo()), prompt="a cat", size="256x256", extra_body=steps)
        assert picture({"b64_json": (edited.data or [])[0].b64_json}).size == (256, 256)


def test_a_stream_counts_every_step_and_shows_previews(painter: RunningServer) -> None:
    events = list(painter.stream("/v1/txt2img", {**SMALL, "sample_steps": 4, "n": 2, "previews": 1}))
    steps = [event for event in events if event["type"].endswith("progress")]
    assert [(event["step"], event["steps"]) for event in steps] == [(step, 8) for step in range(1, 9)]
    assert [event["type"] for event in events].count("image_generation.partial_image") == 2
    assert [event["type"] for event in events].count("image_generation.completed") == 2


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("sampler", "tcd", "sampler: expected one of euler, euler_a, heun"),
        ("scheduler", "gits", "scheduler: expected one of discrete, karras"),
        ("clip_skip", 3, "clip_skip: expected at most 1, got 3"),
        ("prompt", "a cat <lora:ink:0.5>", "prompt: <lora:...> cannot be used with a model in ONNX"),
        ("width", 5000, "width: expected 64 to 4096 pixels per side"),
    ],
)
def test_what_it_cannot_do_is_a_400(painter: RunningServer, field: str, value: object, message: str) -> None:
    refused = painter.client.post("/v1/txt2img", json={**SMALL, field: value})
    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["param"] == field
    assert message in refused.json()["error"]["message"]


def test_a_client_that_goes_away_frees_the_worker_and_keeps_it(painter: RunningServer) -> None:
    pids = painter.worker_pids()
    long_body = {**SMALL, "width": 512, "height": 512, "sample_steps": 150}
    with painter.client.stream("POST", "/v1/txt2img", json={**long_body, "stream": True}) as answer:
        assert "image_generation.progress" in next(line for line in answer.iter_lines() if line.startswith("data: "))
    wait_until(painter.idle, "an idle worker", 30.0)
    assert painter.worker_pids() == pids
    assert painter.post("/v1/txt2img", SMALL)["data"]


def test_a_picture_whose_worker_is_killed_has_the_same_pixels(painter: RunningServer) -> None:
    body = {**SMALL, "width": 256, "height": 256, "sample_steps": 25, "sampler": "euler_a", "n": 2, "seed": 11}
    calm = painter.post("/v1/txt2img", body)["data"]
    (pid,) = painter.worker_pids()
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(painter.post, "/v1/txt2img", body)
        wait_until(lambda: any(row["running"] for row in painter.workers()), "a busy worker")
        os.kill(pid, signal.SIGKILL)
        found = answer.result(120)["data"]
    assert [entry["b64_json"] for entry in found] == [entry["b64_json"] for entry in calm]
    assert sum(row["restarts"] for row in painter.workers()) == 1


def test_a_damaged_graph_is_one_line_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny_pipeline(), folder)
    (folder / "unet" / "model.onnx").write_bytes(b"no graph")
    server = RunningServer("onnx", str(folder))
    server.process.wait(60)
    output = server.output()
    server.stop()
    assert "unet/model.onnx: expected an ONNX file, got one that is damaged or incomplete" in output
    assert "Traceback" not in output
