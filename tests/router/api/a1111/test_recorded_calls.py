"""The calls of SillyTavern, LibreChat's tool and Open WebUI's second engine, as their sources make them.

Sources: https://github.com/SillyTavern/SillyTavern, ``src/endpoints/stable-diffusion.js`` and
``public/scripts/extensions/stable-diffusion/index.js``; https://github.com/danny-avila/LibreChat,
``api/app/clients/tools/structured/StableDiffusion.js``; https://github.com/open-webui/open-webui,
``backend/open_webui/routers/images.py``
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.support.requests.a1111 import IMAGE_MODELS, basic, naming_broker
from tests.support.requests.images import job_of
from tests.support.router.client import ask
from tests.support.router.fake_broker import MODEL, FakeBroker

KEY = basic("user", "secret")

SILLY_TAVERN: dict[str, Any] = {
    "url": "http://127.0.0.1:8000",
    "auth": "user:secret",
    "prompt": "best quality, a cat",
    "negative_prompt": "lowres",
    "sampler_name": "DDIM",
    "scheduler": "karras",
    "steps": 20,
    "cfg_scale": 7,
    "width": 512,
    "height": 512,
    "restore_faces": False,
    "enable_hr": False,
    "hr_upscaler": "Latent",
    "hr_scale": 2,
    "hr_additional_modules": [],
    "denoising_strength": 0.7,
    "hr_second_pass_steps": 0,
    "override_settings": {"CLIP_stop_at_last_layers": 1},
    "override_settings_restore_afterwards": True,
    "clip_skip": 1,
    "save_images": True,
    "send_images": True,
    "do_not_save_grid": False,
    "do_not_save_samples": False,
}


@pytest.fixture
def broker() -> FakeBroker:
    made = naming_broker(MODEL, *IMAGE_MODELS)
    made.settings = made.settings.model_copy(update={"api_key": "secret"})
    return made


def call(broker: FakeBroker, method: str, path: str, body: Any = None, **headers: str) -> Any:
    """The answer's JSON to a call as JavaScript's ``fetch`` makes it."""
    content = None if body is None else json.dumps(body)
    given = {**KEY, **({} if body is None else {"Content-Type": "application/json"}), **headers}
    answer = ask(broker, method, path, content=content, headers=given)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def test_sillytavern_finds_the_server_and_its_lists(broker: FakeBroker) -> None:
    assert call(broker, "GET", "/sdapi/v1/options")["sd_model_checkpoint"] == "sd1-5"
    assert "Euler a" in [row["name"] for row in call(broker, "GET", "/sdapi/v1/samplers")]
    assert "karras" in [row["name"] for row in call(broker, "GET", "/sdapi/v1/schedulers")]
    assert [row["title"] for row in call(broker, "GET", "/sdapi/v1/sd-models")] == ["sd1-5", "sdxl"]
    assert [row["model_name"] for row in call(broker, "GET", "/sdapi/v1/sd-vae")] == []
    names = [row["name"] for row in call(broker, "GET", "/sdapi/v1/upscalers")]
    names[1:1] = [row["name"] for row in call(broker, "GET", "/sdapi/v1/latent-upscale-modes")]
    assert names[:2] == ["None", "Latent"]


def test_sillytavern_chooses_a_model_and_waits_until_nothing_is_running(broker: FakeBroker) -> None:
    call(broker, "POST", "/sdapi/v1/options", {"sd_model_checkpoint": "sdxl"})
    progress = call(broker, "GET", "/sdapi/v1/progress")
    assert (progress["progress"], progress["state"]["job_count"]) == (0.0, 0)
    assert call(broker, "GET", "/sdapi/v1/options")["sd_model_checkpoint"] == "sdxl"


def test_sillytavern_gets_its_picture(broker: FakeBroker) -> None:
    options = call(broker, "GET", "/sdapi/v1/options")
    assert "forge_preset" not in options
    answer = ask(broker, "POST", "/sdapi/v1/txt2img", json=SILLY_TAVERN, headers=KEY)
    job = job_of(broker, answer)
    assert (job.sampler, job.scheduler, job.steps, job.clip_skip) == ("ddim_trailing", "karras", 20, 0)
    assert (job.width, job.height, job.prompt, job.negative_prompt) == (512, 512, "best quality, a cat", "lowres")
    assert "X-Nexa-Warning" not in answer.headers
    assert base64.b64decode(answer.json()["images"][0]).startswith(b"\x89PNG")
    assert "secret" not in answer.text


def test_sillytavern_interrupts_when_its_page_is_closed(broker: FakeBroker) -> None:
    assert call(broker, "POST", "/sdapi/v1/interrupt") == {}


def test_sillytaverns_source_for_stable_diffusion_cpp_looks_for_the_server_and_paints(broker: FakeBroker) -> None:
    assert ask(broker, "OPTIONS", "/v1/images/generations").is_success
    body = {"prompt": "a cat", "negative_prompt": "", "width": 512, "height": 512, "steps": 20, "cfg_scale": 7}
    body |= {"seed": -1, "batch_size": 1, "clip_skip": 1, "sampler_name": "euler_a", "scheduler": "discrete"}
    assert len(call(broker, "POST", "/sdapi/v1/txt2img", body)["images"]) == 1


def test_librechats_tool_gets_its_picture_and_what_it_was_painted_with(broker: FakeBroker) -> None:
    body = {
        "prompt": "a cat",
        "negative_prompt": "lowres",
        "cfg_scale": 4.5,
        "steps": 22,
        "width": 1024,
        "height": 1024,
    }
    answer = call(broker, "POST", "/sdapi/v1/txt2img", body)
    (image,) = answer["images"]
    assert base64.b64decode(image.split(",", 1)[0]).startswith(b"\x89PNG")
    info = json.loads(answer["info"])
    assert (info["width"], info["height"]) == (1024, 1024)
    assert info["infotexts"][0].split("\n").pop().startswith("Steps: 22, Sampler: ")
    assert f"Seed: {info['seed']}," in info["infotexts"][0]


def test_open_webui_lists_and_changes_the_model_and_paints(broker: FakeBroker) -> None:
    models = call(broker, "GET", "/sdapi/v1/sd-models")
    assert [{"id": row["title"], "name": row["model_name"]} for row in models][1] == {"id": "sdxl", "name": "sdxl"}
    options = call(broker, "GET", "/sdapi/v1/options")
    call(broker, "POST", "/sdapi/v1/options", {**options, "sd_model_checkpoint": "sdxl"})
    body = {"prompt": "a cat", "batch_size": 2, "width": 512, "height": 512, "steps": 50, "sampler_name": "Euler a"}
    answer = call(broker, "POST", "/sdapi/v1/txt2img", body)
    for image in answer["images"]:
        assert base64.b64decode(image).startswith(b"\x89PNG")
    assert len(answer["images"]) == 2
    assert broker.jobs[-1].request.model == "sdxl"
    assert {"images", "info", "parameters"} == answer.keys()


def test_without_a_key_open_webui_sends_an_empty_header(broker: FakeBroker) -> None:
    broker.settings = broker.settings.model_copy(update={"api_key": ""})
    broker.app = None
    for header in ("", "Basic ", "Basic Og=="):
        assert ask(broker, "GET", "/sdapi/v1/options", headers={"Authorization": header}).status_code == 200
