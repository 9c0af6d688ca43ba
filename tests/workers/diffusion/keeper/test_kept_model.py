"""Pictures painted by forked processes, whose weights a keeper holds."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from shared.wire.payloads import Done, Failed, Progress
from tests.support.workers.diffusion_jobs import finish, image_job, run
from tests.support.workers.lora_file import write_lora
from workers.diffusion.keeper.engine import KeptDiffusionEngine
from workers.diffusion.keeper.kept_model import KeptModel
from workers.diffusion.lora_files import Shapes
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.options import DiffusionOptions
from workers.diffusion.painting import ModelLost
from workers.engine import EngineLoadError

_LAYER = "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.ff.net.2"
FITTING: Shapes = {f"{_LAYER}.lora_down.weight": (4, 2560), f"{_LAYER}.lora_up.weight": (640, 4)}


def loaded(checkpoint: Path, lora_folder: Path) -> DiffusionEngine:
    options = DiffusionOptions(str(checkpoint), "tiny", threads=2, lora_folder=str(lora_folder))
    engine = KeptDiffusionEngine(options)
    engine.load(lambda fraction: None)
    return engine


@pytest.fixture(scope="module")
def forking(checkpoint: Path, lora_folder: Path) -> Iterator[DiffusionEngine]:
    """The small checkpoint, in a keeper."""
    engine = loaded(checkpoint, lora_folder)
    yield engine
    engine.close()


def keeper_of(engine: DiffusionEngine) -> psutil.Process:
    assert isinstance(engine._model, KeptModel)
    return psutil.Process(engine._model._keeper.pid)


def begin(engine: DiffusionEngine, job_id: str = "long") -> None:
    """Begin a picture that takes long, up to its first step."""
    engine.submit(image_job(job_id, steps=400))
    while not any(isinstance(event, Progress) for _, event in engine.step()):
        pass


def test_a_forked_process_paints_what_the_worker_itself_would(
    forking: DiffusionEngine, engine: DiffusionEngine
) -> None:
    job = image_job(seed=3, cfg_scale=4.0, previews=1, steps=3)
    there, here = run(forking, job), run(engine, job)
    assert there.pictures[0].file == here.pictures[0].file
    assert there.progress == here.progress


def test_a_cancelled_picture_ends_at_once_and_the_model_stays(forking: DiffusionEngine) -> None:
    keeper = keeper_of(forking)
    begin(forking)
    (painter,) = keeper.children()
    forking.cancel("long")
    outcomes = finish(forking)
    assert "long" not in outcomes
    assert painter not in keeper.children()
    assert isinstance(run(forking, image_job()).events[-1], Done)
    assert keeper_of(forking) == keeper


def test_a_job_that_ends_its_process_fails_alone(forking: DiffusionEngine) -> None:
    begin(forking)
    keeper_of(forking).children()[0].send_signal(signal.SIGABRT)
    failed = finish(forking)["long"].events[-1]
    assert isinstance(failed, Failed)
    assert failed.status == 500
    assert "SIGABRT" in failed.message
    assert isinstance(run(forking, image_job()).events[-1], Done)


def test_a_process_that_the_system_kills_is_explained(forking: DiffusionEngine) -> None:
    begin(forking)
    keeper_of(forking).children()[0].kill()
    failed = finish(forking)["long"].events[-1]
    assert isinstance(failed, Failed)
    assert "memory" in failed.message


def test_nothing_of_a_lora_stays(forking: DiffusionEngine, lora_folder: Path) -> None:
    before = run(forking, image_job()).pixels
    write_lora(lora_folder / "strong.safetensors", FITTING)
    changed = run(forking, image_job(prompt="a cat<lora:strong:1>")).pixels
    assert not np.array_equal(changed, before)
    assert np.array_equal(run(forking, image_job()).pixels, before)


def test_the_memory_of_the_keeper_counts(forking: DiffusionEngine) -> None:
    assert forking.held_bytes() >= keeper_of(forking).memory_info().rss


def test_what_of_a_lora_fits_is_told(forking: DiffusionEngine, lora_folder: Path) -> None:
    other: Shapes = {
        "lora_unet_double_blocks_0.lora_down.weight": (4, 7),
        "lora_unet_double_blocks_0.lora_up.weight": (9, 4),
    }
    write_lora(lora_folder / "half.safetensors", {**FITTING, **other})
    write_lora(lora_folder / "other.safetensors", other)
    half = run(forking, image_job(prompt="a cat<lora:half:0.1>"))
    assert half.pictures[0].warnings == ["half.safetensors: 2 of 4 tensors fit the model"]
    failed = run(forking, image_job(prompt="a cat<lora:other:0.1>")).events[-1]
    assert isinstance(failed, Failed)
    assert (failed.status, failed.param) == (400, "prompt")


def test_without_the_keeper_the_worker_ends(checkpoint: Path, lora_folder: Path) -> None:
    engine = loaded(checkpoint, lora_folder)
    begin(engine)
    keeper_of(engine).kill()
    with pytest.raises(ModelLost, match="SIGKILL"):
        finish(engine)


def test_a_keeper_ends_with_its_worker(checkpoint: Path, lora_folder: Path) -> None:
    engine = loaded(checkpoint, lora_folder)
    begin(engine)
    keeper = keeper_of(engine)
    (painter,) = keeper.children()
    assert isinstance(engine._model, KeptModel)
    engine._model._control.close()  # as when the worker ends
    assert keeper.wait(10) == 0
    psutil.wait_procs([painter], 10)
    assert not painter.is_running()
    engine._model._connection = None


def test_a_file_that_crashes_the_library_cannot_be_loaded(tmp_path: Path) -> None:
    header = b'{"model.diffusion_model.input_blocks.0.0.weight":{"shape":[1],"data_offsets":[0,4]}}'
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(len(header).to_bytes(8, "little") + header + bytes(64))
    with pytest.raises(EngineLoadError, match="SIGABRT"):
        KeptDiffusionEngine(DiffusionOptions(str(bad), "tiny", 2)).load(lambda fraction: None)


def test_a_file_in_a_folder_of_any_name_is_found(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(bytes(tmp_path) + b"/\xff"))
    with pytest.raises(EngineLoadError, match="no such file"):
        KeptDiffusionEngine(DiffusionOptions(str(folder / "none.gguf"), "tiny", 2)).load(lambda fraction: None)
