"""Jobs for small image models, and their events."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.wire.jobs import ImageJob
from shared.wire.payloads import Payload, Picture, Progress
from workers.diffusion.engine import PictureEngine
from workers.engine import EngineJob


@dataclass(frozen=True)
class Outcome:
    """All events of one job."""

    events: list[Payload]

    @property
    def pictures(self) -> list[Picture]:
        return [event for event in self.events if isinstance(event, Picture)]

    @property
    def progress(self) -> list[Progress]:
        return [event for event in self.events if isinstance(event, Progress)]

    @property
    def pixels(self) -> NDArray[np.int16]:
        """The first picture: height x width x 3."""
        return pixels(self.pictures[0].file)


def pixels(png: bytes) -> NDArray[np.int16]:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), dtype=np.int16)


def image_job(job_id: str = "job", blobs: tuple[bytes, ...] = (), delivered: int = 0, **fields: Any) -> EngineJob:
    """A job with little work by default: 64 x 64 pixels, 2 steps, no guidance."""
    values = {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "cfg_scale": 1.0, **fields}
    return EngineJob(job_id, ImageJob(**values), blobs=[memoryview(blob) for blob in blobs], delivered=delivered)


def finish(engine: PictureEngine) -> dict[str, Outcome]:
    """Step until all jobs are done; returns the events by job."""
    events: dict[str, list[Payload]] = {}
    while engine.has_work():
        for job_id, event in engine.step():
            events.setdefault(job_id, []).append(event)
    return {job_id: Outcome(found) for job_id, found in events.items()}


def run(engine: PictureEngine, job: EngineJob) -> Outcome:
    """Run one job alone."""
    engine.submit(job)
    return finish(engine)[job.job_id]


def png_of(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()
