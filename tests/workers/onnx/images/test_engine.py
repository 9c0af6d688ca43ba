"""How the engine takes, paints and cancels orders, with tiny pipelines of random weights."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from shared.wire.payloads import Done, Failed, JobError, Picture, Progress, Started
from tests.support.onnx.tiny_pipelines import changed_pipeline, tiny_pipeline
from tests.support.workers.diffusion_jobs import finish, image_job, png_of, run
from workers.diffusion.engine import PictureEngine
from workers.diffusion.painting import PaintError
from workers.engine import EngineLoadError
from workers.onnx.images import unet
from workers.onnx.images.engine import OnnxPictureEngine
from workers.onnx.images.graph import Graph
from workers.onnx.images.loading import load_pipeline
from workers.onnx.images.options import OnnxPictureOptions
from workers.onnx.images.prompts.encoders import PromptReader

PHOTO = png_of(Image.radial_gradient("L").resize((64, 64)))


def opened(folder: Path) -> OnnxPictureEngine:
    engine = OnnxPictureEngine(OnnxPictureOptions(str(folder), "tiny", threads=2))
    engine.load(lambda fraction: None)
    return engine


def test_events_come_in_order_and_count_every_step(engine: PictureEngine) -> None:
    outcome = run(engine, image_job(seed=5, steps=4, cfg_scale=7.0))
    kinds = [type(event) for event in outcome.events]
    assert kinds == [Started, Progress, Progress, Progress, Progress, Picture, Done]
    assert [(event.step, event.steps) for event in outcome.progress] == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_same_seed_gives_the_same_file_in_another_engine_too(engine: PictureEngine) -> None:
    job = image_job(seed=7, sampler="euler_a", steps=3, cfg_scale=7.0)
    first = run(engine, job).pictures[0].file
    assert run(engine, image_job(seed=8, sampler="euler_a", steps=3, cfg_scale=7.0)).pictures[0].file != first
    other = opened(tiny_pipeline())
    assert run(other, job).pictures[0].file == first
    other.close()


def test_the_prompt_its_weights_and_the_negative_prompt_matter(engine: PictureEngine) -> None:
    def pixels(**fields: Any) -> bytes:
        return run(engine, image_job(cfg_scale=5.0, **fields)).pixels.tobytes()

    found = [
        pixels(),
        pixels(prompt="a dog"),
        pixels(prompt="a (cat:1.6)"),
        pixels(negative_prompt="a dog"),
        pixels(prompt="a cat BREAK a dog"),
    ]
    assert len(set(found)) == 5
    assert pixels(prompt="a (cat:1.0)") == found[0]


def test_without_guidance_there_is_no_negative_prompt(engine: PictureEngine) -> None:
    plain = run(engine, image_job(cfg_scale=1.0)).pixels
    assert np.array_equal(plain, run(engine, image_job(cfg_scale=1.0, negative_prompt="a dog")).pixels)
    assert np.array_equal(plain, run(engine, image_job(cfg_scale=0.0)).pixels)


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"sampler": "er_sde"}, "sampler", "sampler: expected one of euler, euler_a, heun"),
        ({"scheduler": "ays"}, "scheduler", "scheduler: expected one of discrete, karras"),
        ({"prompt": "a <lora:ink:1> cat"}, "prompt", "<lora:...> cannot be used with a model in ONNX"),
        ({"clip_skip": 2}, "clip_skip", "clip_skip: expected at most 1, got 2: text encoders in ONNX give only"),
        ({"prompt": "(cat:.)"}, "prompt", "expected a weight such as 1.2"),
        ({"init": 0}, "image", "image is required"),
    ],
)
def test_what_it_cannot_do_is_refused(engine: PictureEngine, fields: dict[str, Any], param: str, message: str) -> None:
    with pytest.raises(JobError) as refused:
        engine.submit(image_job(**fields))
    assert (refused.value.failed.status, refused.value.failed.param) == (400, param)
    assert message in refused.value.failed.message
    assert not engine.has_work()


@pytest.mark.parametrize(("strength", "steps"), [(0.0, 1), (0.5, 3), (0.75, 4), (1.0, 5)])
def test_an_input_picture_needs_only_the_last_part_of_the_steps(
    engine: PictureEngine, strength: float, steps: int
) -> None:
    outcome = run(engine, image_job(blobs=(PHOTO,), init=0, strength=strength, steps=5))
    assert [(event.step, event.steps) for event in outcome.progress] == [(n, steps) for n in range(1, steps + 1)]


def test_the_black_part_of_a_mask_is_kept(engine: PictureEngine) -> None:
    mask = Image.new("L", (64, 64), "black")
    mask.paste("white", (0, 0, 32, 64))

    def painted(mask: Image.Image, seed: int) -> np.ndarray:
        blobs = (PHOTO, png_of(mask))
        fields: dict[str, Any] = {"init": 0, "mask": 1, "strength": 0.9, "steps": 4}
        return run(engine, image_job(blobs=blobs, seed=seed, **fields)).pixels

    nothing = painted(Image.new("L", (64, 64), "black"), 0)
    assert np.array_equal(nothing, painted(Image.new("L", (64, 64), "black"), 1))
    half = abs(painted(mask, 0) - nothing)
    assert half[:, 44:].mean() < half[:, :20].mean()


@pytest.mark.parametrize("size", [(128, 64), (72, 100)])
def test_the_picture_has_the_requested_size(engine: PictureEngine, size: tuple[int, int]) -> None:
    picture = run(engine, image_job(width=size[0], height=size[1])).pictures[0]
    assert Image.open(io.BytesIO(picture.file)).size == size


def test_previews_come_with_evenly_spaced_steps(engine: PictureEngine) -> None:
    outcome = run(engine, image_job(steps=6, previews=2))
    shown = {event.step: event.preview for event in outcome.progress if event.preview}
    assert sorted(shown) == [2, 4]
    assert Image.open(io.BytesIO(shown[2])).size == (64, 64)
    assert shown[2] != shown[4]


def test_the_file_tells_the_model_s_own_sampler_and_spacing(engine: PictureEngine) -> None:
    def told(**fields: Any) -> str:
        text = Image.open(io.BytesIO(run(engine, image_job(**fields)).pictures[0].file)).info["parameters"]
        return str(text)

    assert "Sampler: euler, Schedule type: leading" in told()
    assert "Sampler: dpm++2m, Schedule type: karras" in told(sampler="dpm++2m", scheduler="karras")
    assert "Sampler: ddim_trailing, Schedule type: trailing" in told(sampler="ddim_trailing")


def test_a_cancelled_picture_ends_within_a_graph_and_the_next_one_is_painted(
    engine: PictureEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.submit(image_job("cancelled", steps=150, width=256, height=256))
    engine.submit(image_job("next"))
    while not any(isinstance(event, Progress) for _, event in engine.step()):
        pass
    steps = engine.stats().steps
    engine.cancel("cancelled")
    outcomes = finish(engine)
    assert list(outcomes) == ["next"]
    assert isinstance(outcomes["next"].events[-1], Done)
    assert engine.stats().steps - steps < 140


def test_a_graph_in_progress_is_interrupted_between_two_nodes() -> None:
    pipeline = load_pipeline(OnnxPictureOptions(str(tiny_pipeline()), "tiny", threads=1), lambda fraction: None)
    asked: list[bool] = []

    def is_cancelled() -> bool:
        asked.append(len(asked) > 0)  # not yet when the graph begins
        return asked[-1]

    pipeline.interrupt.begin(is_cancelled)
    with ThreadPoolExecutor(1) as threads:
        decoding = threads.submit(pipeline.autoencoder.decode, np.zeros((1, 4, 96, 96), np.float32))
        while not decoding.done():
            pipeline.interrupt.interrupt()
        with pytest.raises(PaintError, match="it was cancelled"):
            decoding.result()
    assert asked == [False, True]


def test_an_interrupt_is_only_for_the_picture_in_progress(engine: PictureEngine) -> None:
    assert engine._model is not None
    engine._model.interrupt()
    assert isinstance(run(engine, image_job()).events[-1], Done)


def test_a_failure_of_the_library_is_told_and_the_next_picture_is_painted(
    engine: PictureEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("workers.onnx.images.model.LATENT_CHANNELS", 5)
        failed = run(engine, image_job()).events[-1]
    assert isinstance(failed, Failed)
    assert failed.status == 500
    assert "the picture could not be generated: onnxruntime:" in failed.message
    assert isinstance(run(engine, image_job()).events[-1], Done)


def test_the_engine_ends_while_a_picture_is_in_progress() -> None:
    engine = opened(tiny_pipeline())
    engine.submit(image_job("long", steps=150, width=256, height=256))
    while not any(isinstance(event, Progress) for _, event in engine.step()):
        pass
    engine.close()


def test_half_precision_paints_nearly_the_same(engine: PictureEngine) -> None:
    half = opened(tiny_pipeline("sd15-fp16"))
    job = image_job(steps=4, cfg_scale=5.0, sampler="dpm++2m")
    difference = abs(run(half, job).pixels - run(engine, job).pixels).mean()
    half.close()
    assert 0.0 < difference < 3.0


@pytest.mark.parametrize("name", ["sdxl", "lcm", "inpainting"])
def test_other_families_paint(name: str) -> None:
    engine = opened(tiny_pipeline(name))
    for job in (image_job(cfg_scale=4.0), image_job(cfg_scale=4.0, blobs=(PHOTO,), init=0)):
        outcome = run(engine, job)
        assert isinstance(outcome.events[-1], Done)
        assert outcome.pixels.std() > 5.0
    engine.close()


def test_layers_can_be_skipped_where_the_encoders_give_all(engine: PictureEngine) -> None:
    xl = opened(tiny_pipeline("sdxl"))
    found = [run(xl, image_job(clip_skip=skip)).pixels for skip in (0, 1, 2, 3)]
    xl.close()
    assert np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[3])


def test_a_model_without_an_encoder_refuses_input_pictures(tmp_path: Path) -> None:
    folder = changed_pipeline(tmp_path / "model")
    (folder / "vae_encoder" / "model.onnx").unlink()
    engine = opened(folder)
    with pytest.raises(JobError, match="takes no input pictures: it has no vae_encoder"):
        engine.submit(image_job(blobs=(PHOTO,), init=0))
    assert run(engine, image_job()).pictures
    engine.close()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "unet" / "model.onnx").write_bytes(b"no graph"), "unet/model.onnx: expected an ONNX"),
        (
            lambda folder: (folder / "unet" / "model.onnx").write_bytes(
                (folder / "vae_decoder" / "model.onnx").read_bytes()
            ),
            "unet/model.onnx: expected an input sample, got latent_sample",
        ),
        (lambda folder: (folder / "tokenizer" / "vocab.json").unlink(), "expected tokenizer.json, or vocab.json"),
        (lambda folder: (folder / "model_index.json").write_text("{"), "model_index.json: expected JSON, got"),
        (
            lambda folder: (folder / "scheduler" / "scheduler_config.json").write_text('{"beta_start": "x"}'),
            "expected the settings of Stable Diffusion, got others",
        ),
        (
            lambda folder: (folder / "scheduler" / "scheduler_config.json").write_text('{"prediction_type": "flow"}'),
            "prediction_type: expected one of epsilon, v_prediction, sample, got 'flow'",
        ),
    ],
)
def test_a_damaged_folder_is_one_line(tmp_path: Path, spoil: Callable[[Path], object], message: str) -> None:
    folder = changed_pipeline(tmp_path / "model")
    spoil(folder)
    with pytest.raises(EngineLoadError) as refused:
        opened(folder)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_loading_is_reported() -> None:
    fractions: list[float] = []
    engine = OnnxPictureEngine(OnnxPictureOptions(str(tiny_pipeline()), "tiny", threads=2))
    info = engine.load(fractions.append)
    engine.close()
    assert (info.slots, info.context_tokens) == (1, 0)
    assert fractions[-1] == 1.0
    assert sorted(fractions) == fractions
    assert len(fractions) == 5


def test_the_settings_that_diffusers_writes_are_read(tmp_path: Path) -> None:
    folder = changed_pipeline(tmp_path / "model", _class_name="PNDMScheduler", skip_prk_steps=True)
    engine = opened(folder)
    text = Image.open(io.BytesIO(run(engine, image_job()).pictures[0].file)).info["parameters"]
    engine.close()
    assert "Sampler: ipndm, Schedule type: leading" in text
    assert json.loads((folder / "scheduler" / "scheduler_config.json").read_text())["skip_prk_steps"] is True


@pytest.mark.parametrize(("side", "batches"), [(512, {2}), (576, {1})])
def test_large_pictures_are_guided_one_half_after_the_other(
    engine: PictureEngine, monkeypatch: pytest.MonkeyPatch, side: int, batches: set[int]
) -> None:
    seen: set[int] = set()
    original = Graph.run

    def watched(graph: Graph, feeds: dict[str, Any], shrinks: bool = False) -> Any:
        if graph.name == "unet":
            seen.add(len(feeds["sample"]))
        return original(graph, feeds, shrinks)

    monkeypatch.setattr(Graph, "run", watched)
    monkeypatch.setattr(unet, "MAX_BATCHED", 64 * 8)
    assert isinstance(run(engine, image_job(width=side, height=64, steps=1, cfg_scale=7.0)).events[-1], Done)
    assert seen == batches


def test_the_memory_of_a_picture_is_given_back_after_its_last_step(
    engine: PictureEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_graph, kept = Graph.run, []

    def watched(graph: Graph, feeds: Any, shrinks: bool = False) -> Any:
        if graph.name == "unet":
            kept.append(not shrinks)
        return run_graph(graph, feeds, shrinks)

    monkeypatch.setattr(Graph, "run", watched)
    run(engine, image_job(sampler="euler", steps=3))
    assert kept == [True, True, False]


def test_the_prompt_is_encoded_once_for_pictures_that_share_it(
    engine: OnnxPictureEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    original = PromptReader.read

    def counted(reader: PromptReader, prompt: str, negative: str | None, clip_skip: int) -> Any:
        read.append(prompt)
        return original(reader, prompt, negative, clip_skip)

    monkeypatch.setattr(PromptReader, "read", counted)
    first, second, other = (
        run(engine, image_job(prompt=prompt, seed=seed)) for prompt, seed in (("a hat", 1), ("a hat", 2), ("a fox", 2))
    )
    assert read == ["a hat", "a fox"]
    assert first.pictures[0].file != second.pictures[0].file != other.pictures[0].file
