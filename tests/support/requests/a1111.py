"""What Automatic1111's clients send and get."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from router.jobs.limits import UNLIMITED, UserLimits
from router.jobs.served import find_model
from shared.kinds import JobKind
from shared.settings import ModelSettings, ServerSettings
from shared.wire.jobs import ImageJob
from shared.wire.payloads import Done, FinishReason, Payload, Picture, Progress, Started
from tests.support.router.fake_broker import FakeBroker

IMAGE_MODELS = tuple(
    ModelSettings(name=name, kinds=(JobKind.IMAGE,), engine="echo", path=f"/models/{name}.safetensors", aliases=())
    for name in ("sd1-5", "sdxl")
)


class NamingBroker(FakeBroker):
    """A fake broker that finds models as the real one does."""

    def find_model(self, name: str | None, kind: JobKind, limits: UserLimits = UNLIMITED) -> ModelSettings:
        return find_model(self.settings.models, name, kind, limits=limits)


def naming_broker(*models: ModelSettings) -> NamingBroker:
    """A broker of these models."""
    settings = ServerSettings(models=models, run_folder="")
    return NamingBroker(settings=settings, script=painted_with_parameters, in_turn=True)


def painted_with_parameters(job: ImageJob) -> list[Payload]:
    """The events of an image job whose PNG holds its parameters, as a worker writes them."""
    steps = job.steps or 20
    info = PngInfo()
    info.add_text(
        "parameters",
        f"{job.prompt}\nNegative prompt: {job.negative_prompt}\nSteps: {steps}, Sampler: {job.sampler or 'euler_a'}, "
        f"CFG scale: {job.cfg_scale}, Seed: {job.seed}, Size: {job.width}x{job.height}, Model: sd1-5",
    )
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=info)
    picture = Picture(job.seed, job.width, job.height, buffer.getvalue())
    return [Started(0, 0), Progress(1, steps), picture, Done(FinishReason.STOP, 0, 0, 0, 0.1)]


def info_of(answer: httpx.Response) -> dict[str, Any]:
    """The ``info`` of an answer, which is JSON in a text."""
    assert answer.status_code == 200, answer.text
    info: dict[str, Any] = json.loads(answer.json()["info"])
    return info


def basic(user: str, password: str) -> dict[str, str]:
    """The header of Basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
