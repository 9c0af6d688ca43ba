"""Pictures by a real server with a small model of random weights: the picture means nothing, the engine is real."""

from __future__ import annotations

import base64
import contextlib
import io
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support.running_server import RunningServer, running, wait_until
from tests.support.tiny_sd import tiny_sd

SMALL = {"prompt": "a lighthouse", "width": 64, "height": 64, "sample_steps": 2}


def picture(entry: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(entry["b64_json"])))


def pixels(server: RunningServer, route: str = "/v1/txt2img", **changes: Any) -> bytes:
    answer = server.post(route, {**SMALL, **changes})
    return picture(answer["data"][0]).tobytes()


def png(colour: tuple[int, ...], size: tuple[int, int] = (100, 80)) -> bytes:
    target = io.BytesIO()
    Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour).save(target, "PNG")
    return target.getvalue()


def test_a_picture_has_the_size_its_parameters_and_an_address(all_kinds: RunningServer) -> None:
    answer = all_kinds.post("/v1/txt2img", {**SMALL, "width": 128, "seed": 5, "negative_prompt": "fog"})
    (entry,) = answer["data"]
    assert entry["base64"] == entry["b64_json"]
    image = picture(entry)
    assert (image.format, image.size) == ("PNG", (128, 64))
    parameters = image.info["parameters"]
    assert parameters.startswith("a lighthouse\nNegative prompt: fog\nSteps: 2, ")
    assert "Seed: 5, Size: 128x64" in parameters
    assert entry["url"].startswith(f"{all_kinds.url}/v1/images/")
    fetched = httpx.get(entry["url"])
    assert fetched.headers["content-type"] == "image/png"
    assert fetched.content == base64.b64decode(entry["base64"])


def test_the_same_seed_gives_the_same_pixels_and_another_one_another_picture(all_kinds: RunningServer) -> None:
    first = pixels(all_kinds, seed=1)
    assert pixels(all_kinds, seed=1) == first
    assert pixels(all_kinds, seed=2) != first


def test_a_random_seed_is_reported_and_repeats_the_picture(all_kinds: RunningServer) -> None:
    (drawn,) = all_kinds.post("/v1/txt2img", {**SMALL, "seed": -1})["data"]
    assert drawn["seed"] >= 0
    assert pixels(all_kinds, seed=drawn["seed"]) == picture(drawn).tobytes()


def test_image_to_image_depends_on_the_input(all_kinds: RunningServer, media: Path) -> None:
    (media / "red.png").write_bytes(png((255, 0, 0)))
    inputs = {
        "red": "red.png",
        "blue": "data:image/png;base64," + base64.b64encode(png((0, 0, 255))).decode(),
        "green": base64.b64encode(png((0, 255, 0))).decode(),
    }
    made = {name: pixels(all_kinds, "/v1/img2img", image_path=path, strength=0.5) for name, path in inputs.items()}
    assert len(set(made.values())) == 3
    form = {name: str(value) for name, value in SMALL.items()} | {"strength": "0.5"}
    upload = all_kinds.client.post("/v1/img2img", files={"image": ("red.png", png((255, 0, 0)))}, data=form)
    assert upload.status_code == 200, upload.text
    assert picture(upload.json()["data"][0]).tobytes() == made["red"]


def test_a_stream_counts_every_step_and_shows_previews(all_kinds: RunningServer) -> None:
    body = {**SMALL, "sample_steps": 4, "n": 2, "previews": 1}
    events = list(all_kinds.stream("/v1/txt2img", body))
    steps = [event for event in events if "step" in event and event["type"].endswith("progress")]
    assert [(event["step"], event["steps"]) for event in steps] == [(step, 8) for step in range(1, 9)]
    previews = [event for event in events if event["type"] == "image_generation.partial_image"]
    assert previews
    assert all(picture(event).format == "PNG" for event in previews)
    done = [event for event in events if event["type"] == "image_generation.completed"]
    assert [event["seed"] for event in done] == [0, 1]
    assert picture(done[1]).tobytes() == pixels(all_kinds, sample_steps=4, seed=1)


def test_the_picture_of_another_user_does_not_wait_for_an_order_of_eight(all_kinds: RunningServer) -> None:
    orders = all_kinds.stream("/v1/txt2img", {**SMALL, "sample_steps": 20, "n": 8})
    painted = [next(orders)["type"]]
    with httpx.Client(base_url=all_kinds.url, transport=httpx.HTTPTransport(local_address="127.0.0.2")) as other:
        answer = other.post("/v1/txt2img", json=SMALL, timeout=120.0)
    assert answer.status_code == 200, answer.text
    (order,) = (job for job in all_kinds.client.get("/v1/jobs").json()["data"] if job["choices"] == 8)
    assert order["state"] == "running"
    painted += [event["type"] for event in orders]
    assert painted.count("image_generation.completed") == 8


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("../../etc/hostname", 400),
        ("/etc/hostname", 400),
        ("link.png", 400),
        ("missing.png", 400),
        ("http://127.0.0.1:1/picture.png", 400),
        ("file:///etc/hostname", 400),
        ("data:image/png;base64,!!!!", 400),
        ("text.png", 415),
        ("bomb.png", 413),
        ("truncated.png", 415),
    ],
)
def test_attacks_on_image_path_are_refused(all_kinds: RunningServer, media: Path, path: str, status: int) -> None:
    with contextlib.suppress(FileExistsError):
        (media / "link.png").symlink_to("/etc/hostname")
    (media / "text.png").write_text("no picture")
    (media / "truncated.png").write_bytes(png((1, 2, 3), (300, 300))[:120])
    if path == "bomb.png":
        (media / path).write_bytes(png((0, 0, 0), (12_000, 12_000)))
    refused = all_kinds.client.post("/v1/img2img", json={**SMALL, "image_path": path})
    assert refused.status_code == status, refused.text
    assert refused.json()["error"]["param"] in ("image_path", "image")
    assert pixels(all_kinds)


@pytest.mark.parametrize(("field", "value"), [("width", 63), ("height", 5000), ("sample_steps", 0), ("n", 99)])
def test_sizes_and_counts_are_checked(all_kinds: RunningServer, field: str, value: int) -> None:
    refused = all_kinds.client.post("/v1/txt2img", json={**SMALL, field: value})
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == field


def test_a_client_that_goes_away_frees_the_worker(tmp_path: Path) -> None:
    """The library cannot be interrupted: the process that paints ends, and the worker keeps the model."""
    with running(str(tiny_sd()), "--output-folder", str(tmp_path)) as server:
        (pid,) = server.worker_pids()
        long_body = {**SMALL, "width": 512, "height": 512, "sample_steps": 150}
        with pytest.raises(httpx.ReadTimeout):
            server.client.post("/v1/txt2img", json=long_body, timeout=2.0)
        wait_until(lambda: server.workers()[0]["running"] == 0, "a free worker", 60.0)
        assert server.post("/v1/txt2img", SMALL)["data"]
        (row,) = server.workers()
        assert (row["restarts"], server.worker_pids()) == (0, [pid])


def test_an_edit_has_the_size_of_its_picture_and_keeps_what_the_mask_keeps(all_kinds: RunningServer) -> None:
    photo = png((200, 30, 60), (90, 75))
    mask = Image.new("L", (90, 75))
    mask.paste(255, (0, 0, 30, 75))
    target = io.BytesIO()
    mask.save(target, "PNG")
    files = {"image": ("photo.png", photo), "mask": ("mask.png", target.getvalue())}
    answer = all_kinds.client.post("/v1/images/edits", files=files, data={"prompt": "a lighthouse", "steps": "2"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["size"] == "90x75"
    edited = picture(answer.json()["data"][0])
    assert edited.size == (90, 75)
    kept = (30, 0, 90, 75)
    assert edited.crop(kept).tobytes() == Image.open(io.BytesIO(photo)).crop(kept).tobytes()


def test_a_picture_of_any_size_and_format(all_kinds: RunningServer) -> None:
    body = {"prompt": "a lighthouse", "size": "100x130", "steps": 2, "output_format": "webp", "output_compression": 80}
    made = picture(all_kinds.post("/v1/images/generations", body)["data"][0])
    assert (made.format, made.size) == ("WEBP", (100, 130))
