"""Pictures that are painted small first, then enlarged and repainted."""

from __future__ import annotations

import numpy as np
import pytest
import stable_diffusion_cpp

from shared.engines.diffusion_names import HIRES_UPSCALERS
from shared.wire.payloads import JobError
from shared.wire.pictures import Hires
from tests.support.workers.diffusion_jobs import image_job, run
from workers.diffusion.native.engine import DiffusionEngine


def test_names_of_upscalers_are_the_library_s() -> None:
    assert set(HIRES_UPSCALERS) <= set(stable_diffusion_cpp.SD_HIRES_UPSCALER_MAP)


@pytest.mark.parametrize("upscaler", [None, "latent_bicubic", "lanczos"])
def test_both_passes_count_as_steps(engine: DiffusionEngine, upscaler: str | None) -> None:
    hires = Hires(scale=2.0, steps=3, strength=0.5, upscaler=upscaler)  # the library rounds up, to four
    outcome = run(engine, image_job(width=128, height=128, steps=2, hires=hires))
    assert outcome.pixels.shape == (128, 128, 3)
    assert [(event.step, event.steps) for event in outcome.progress] == [(n, 6) for n in range(1, 7)]


def test_the_second_pass_changes_the_picture(engine: DiffusionEngine) -> None:
    plain = run(engine, image_job(width=128, height=128)).pixels
    assert not np.array_equal(plain, run(engine, image_job(width=128, height=128, hires=Hires())).pixels)


@pytest.mark.parametrize(
    "hires", [Hires(scale=1.0), Hires(scale=9.0), Hires(strength=0.0), Hires(upscaler="model"), Hires(upscaler="no")]
)
def test_a_second_pass_that_cannot_be_is_refused(engine: DiffusionEngine, hires: Hires) -> None:
    with pytest.raises(JobError) as refused:
        engine.submit(image_job(hires=hires))
    assert refused.value.failed.status == 400
