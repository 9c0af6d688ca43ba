"""Pictures and events of the engine, with a real model of random weights."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from shared.engines.diffusion_names import SAMPLERS, SCHEDULERS
from shared.wire.payloads import Done, FinishReason, Picture, Progress, Started
from tests.support.workers.diffusion_jobs import Outcome, image_job, png_of, run
from workers.diffusion.native import names as native
from workers.diffusion.native.engine import DiffusionEngine

PHOTO = png_of(Image.radial_gradient("L").resize((64, 64)))


def test_names_are_the_library_s() -> None:
    for names, known in ((SAMPLERS, native.SAMPLERS), (SCHEDULERS, native.SCHEDULERS)):
        assert list(names) == [name for name in known if not name.endswith("count")]


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others(engine: DiffusionEngine) -> None:
    first, again, other = (run(engine, image_job(seed=seed)) for seed in (7, 7, 8))
    assert first.pictures[0].file == again.pictures[0].file
    assert not np.array_equal(first.pixels, other.pixels)


def test_the_prompt_and_the_negative_prompt_matter(engine: DiffusionEngine) -> None:
    plain = run(engine, image_job(cfg_scale=5.0)).pixels
    assert not np.array_equal(plain, run(engine, image_job(cfg_scale=5.0, prompt="a dog")).pixels)
    assert not np.array_equal(plain, run(engine, image_job(cfg_scale=5.0, negative_prompt="a dog")).pixels)


def test_events_come_in_order_and_count_every_step(engine: DiffusionEngine) -> None:
    outcome = run(engine, image_job(seed=5, steps=4))
    kinds = [type(event) for event in outcome.events]
    assert kinds == [Started, Progress, Progress, Progress, Progress, Picture, Done]
    assert [(event.step, event.steps) for event in outcome.progress] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [picture.seed for picture in outcome.pictures] == [5]
    done = outcome.events[-1]
    assert isinstance(done, Done)
    assert done.finish_reason is FinishReason.STOP
    assert done.ttft_s > 0.0


def test_a_step_is_reported_while_the_picture_is_in_progress(engine: DiffusionEngine) -> None:
    engine.submit(image_job(steps=6))
    batches = []
    while engine.has_work():
        batches.append([type(event) for _, event in engine.step()])
    with_progress = [batch for batch in batches if Progress in batch]
    assert Picture not in with_progress[0]


@pytest.mark.parametrize("sampler", ["euler_a", "heun", "dpm++2s_a", "res_2s"])
def test_a_step_that_runs_the_model_twice_counts_once(engine: DiffusionEngine, sampler: str) -> None:
    outcome = run(engine, image_job(sampler=sampler, steps=3))
    assert [event.step for event in outcome.progress] == [1, 2, 3]


@pytest.mark.parametrize(("strength", "steps"), [(0.0, 1), (0.5, 3), (0.75, 4), (1.0, 5)])
def test_an_input_picture_needs_only_the_last_part_of_the_steps(
    engine: DiffusionEngine, strength: float, steps: int
) -> None:
    outcome = run(engine, image_job(blobs=(PHOTO,), init=0, strength=strength, steps=5))
    assert [(event.step, event.steps) for event in outcome.progress] == [(n, steps) for n in range(1, steps + 1)]


def test_a_delivered_picture_is_not_generated_again(engine: DiffusionEngine) -> None:
    assert [type(event) for event in run(engine, image_job(delivered=1)).events] == [Started, Done]


@pytest.mark.parametrize("size", [(128, 64), (72, 100)])
def test_the_picture_has_the_requested_size(engine: DiffusionEngine, size: tuple[int, int]) -> None:
    picture = run(engine, image_job(width=size[0], height=size[1])).pictures[0]
    assert (picture.width, picture.height) == size
    assert Image.open(io.BytesIO(picture.file)).size == size


def test_previews_come_with_evenly_spaced_steps(engine: DiffusionEngine) -> None:
    outcome = run(engine, image_job(steps=6, previews=2))
    shown = {event.step: event.preview for event in outcome.progress if event.preview}
    assert sorted(shown) == [2, 4]
    assert Image.open(io.BytesIO(shown[2])).size == (64, 64)
    assert shown[2] != shown[4]
    assert not any(event.preview for event in run(engine, image_job()).progress)


def test_a_smaller_strength_keeps_more_of_the_input_picture(engine: DiffusionEngine) -> None:
    def painted(strength: float, photo: bytes = PHOTO) -> Outcome:
        return run(engine, image_job(blobs=(photo,), init=0, strength=strength, steps=4))

    other = png_of(Image.linear_gradient("L").resize((64, 64)))
    slight, strong = painted(0.1), painted(0.9)
    assert not np.array_equal(slight.pixels, painted(0.1, other).pixels)
    free = run(engine, image_job(steps=4)).pixels
    assert abs(slight.pixels - free).mean() > abs(strong.pixels - free).mean()


def test_the_black_part_of_a_mask_is_kept(engine: DiffusionEngine) -> None:
    mask = Image.new("L", (64, 64), "black")
    mask.paste("white", (0, 0, 32, 64))

    def painted(*blobs: bytes) -> np.ndarray:
        return run(
            engine, image_job(blobs=blobs, init=0, mask=1 if len(blobs) > 1 else None, strength=0.9, steps=4)
        ).pixels

    nothing = png_of(Image.new("L", (64, 64), "black"))
    kept, all_new, half = painted(PHOTO, nothing), painted(PHOTO), painted(PHOTO, png_of(mask))
    assert abs(half - kept)[:, 40:].mean() < abs(half - kept)[:, :24].mean()
    assert abs(half - all_new)[:, :24].mean() < abs(half - all_new)[:, 40:].mean()


@pytest.mark.parametrize("prompt", ["a cat, sitting", "a cat \N{CAT FACE}"])
def test_the_file_holds_the_parameters_of_the_picture(engine: DiffusionEngine, prompt: str) -> None:
    job = image_job(prompt=prompt, negative_prompt="rain: much", seed=4, sampler="dpm++2m", scheduler="karras")
    image = Image.open(io.BytesIO(run(engine, job).pictures[0].file))
    text = image.info["parameters"].splitlines()
    assert text[:2] == [prompt, "Negative prompt: rain: much"]
    assert text[2].startswith(
        "Steps: 2, Sampler: dpm++2m, Schedule type: karras, CFG scale: 1, Seed: 4, Size: 64x64, Model: tiny, Version: "
    )


def test_the_model_s_own_sampler_is_named(engine: DiffusionEngine) -> None:
    job = image_job(blobs=(PHOTO,), init=0, strength=0.5)
    text = Image.open(io.BytesIO(run(engine, job).pictures[0].file)).info["parameters"]
    assert "Sampler: euler_a, Schedule type: discrete" in text
    assert "Denoising strength: 0.5" in text


@pytest.mark.parametrize("size", [(100, 60), (70, 70)])
def test_a_size_that_the_model_cannot_paint_is_cut_out_of_a_larger_one(
    engine: DiffusionEngine, size: tuple[int, int]
) -> None:
    outcome = run(engine, image_job(width=size[0], height=size[1], previews=1))
    (picture,) = outcome.pictures
    assert (picture.width, picture.height) == size
    assert Image.open(io.BytesIO(picture.file)).size == size
    (preview,) = [event.preview for event in outcome.progress if event.preview]
    assert Image.open(io.BytesIO(preview)).size == size


def test_an_edit_has_the_size_of_its_picture_and_the_kept_pixels_are_exact(engine: DiffusionEngine) -> None:
    photo = Image.fromarray(np.random.default_rng(7).integers(0, 256, (75, 90, 3), dtype=np.uint8))
    mask = Image.new("L", photo.size)
    mask.paste(255, (0, 0, 30, 75))
    job = image_job(blobs=(png_of(photo), png_of(mask)), init=0, mask=1, strength=1.0, width=0, height=0)
    painted = run(engine, job).pixels
    assert painted.shape == (75, 90, 3)
    assert (painted[:, 30:] == np.asarray(photo)[:, 30:]).all()
    assert (painted[:, :30] != np.asarray(photo)[:, :30]).any()


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_pictures_and_previews_in_other_formats(engine: DiffusionEngine, format: str) -> None:
    outcome = run(engine, image_job(format=format, compression=80, previews=1))
    (picture,) = outcome.pictures
    assert picture.format == format
    previews = [event.preview for event in outcome.progress if event.preview]
    assert [Image.open(io.BytesIO(file)).format for file in (picture.file, *previews)] == [format.upper()] * 2
