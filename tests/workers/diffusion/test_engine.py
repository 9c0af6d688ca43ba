"""How the engine accepts, refuses, cancels and ends jobs, with a real model of random weights."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import stable_diffusion_cpp
from PIL import Image

from scripts import make_tiny_sd
from shared.wire.jobs import TextJob
from shared.wire.payloads import Done, Failed, JobError, Progress
from tests.support.workers.diffusion_jobs import finish, image_job, png_of, run
from workers.diffusion.native.engine import DiffusionEngine
from workers.diffusion.options import DiffusionOptions
from workers.diffusion.step_timer import StepTimer
from workers.engine import EngineJob, EngineLoadError, WorkerMustEnd

WIDE, HIGH = (png_of(Image.new("RGB", size)) for size in ((90, 70), (70, 90)))


@pytest.fixture
def calm_engine(engine: DiffusionEngine) -> Iterator[DiffusionEngine]:
    """The engine; finishes the jobs that a test left running."""
    reload_s = engine._reload_s
    yield engine
    engine._reload_s = 1000.0
    finish(engine)
    engine._reload_s = reload_s


def step_until_progress(engine: DiffusionEngine) -> None:
    while not any(isinstance(event, Progress) for _, event in engine.step()):
        pass


@pytest.mark.parametrize(
    ("job", "status", "param"),
    [
        (EngineJob("job", TextJob(prompt="hello")), 400, "model"),
        (image_job(sampler="eulr"), 400, "sampler"),
        (image_job(scheduler="gits", steps=1), 400, "scheduler"),
        (image_job(scheduler="karras", steps=1), 400, "scheduler"),
        (image_job(scheduler="exponential", steps=1), 400, "scheduler"),
        (image_job(scheduler="kl_optimal", steps=1), 400, "scheduler"),
        (image_job(scheduler="eulr"), 400, "scheduler"),
        (image_job(prompt="a\0b"), 400, "prompt"),
        (image_job(negative_prompt="\ud800"), 400, "negative_prompt"),
        (image_job(prompt="<lora:no:1>"), 400, "prompt"),
        (image_job(init=0), 400, "image"),
        (image_job(init=0, blobs=(b"<svg/>",)), 415, "image"),
        (image_job(init=0, mask=1, blobs=(WIDE,)), 400, "mask"),
        (image_job(init=0, mask=1, blobs=(WIDE, HIGH)), 400, "mask"),
    ],
)
def test_a_job_that_the_engine_cannot_do_is_refused(
    engine: DiffusionEngine, job: EngineJob, status: int, param: str
) -> None:
    with pytest.raises(JobError) as refused:
        engine.submit(job)
    assert (refused.value.failed.status, refused.value.failed.param) == (status, param)
    assert not engine.has_work()


def test_a_mask_of_another_size_is_refused_with_both_sizes(engine: DiffusionEngine) -> None:
    with pytest.raises(JobError, match=r"^mask: expected the size of the input picture, 90x70, got 70x90$"):
        engine.submit(image_job(init=0, mask=1, blobs=(WIDE, HIGH)))


def test_jobs_run_one_after_the_other(calm_engine: DiffusionEngine) -> None:
    calm_engine.submit(image_job("first"))
    calm_engine.submit(image_job("second"))
    calm_engine.step()
    assert (calm_engine.stats().running, calm_engine.stats().waiting) == (1, 1)
    before = calm_engine.stats().steps
    outcomes = finish(calm_engine)
    assert all(isinstance(outcome.events[-1], Done) for outcome in outcomes.values())
    assert list(outcomes) == ["first", "second"]
    assert calm_engine.stats().steps - before == 4


def test_a_cancelled_job_that_waits_is_dropped(calm_engine: DiffusionEngine) -> None:
    calm_engine.submit(image_job("first"))
    calm_engine.submit(image_job("second"))
    calm_engine.step()
    calm_engine.cancel("second")
    calm_engine.cancel("unknown")
    assert "second" not in finish(calm_engine)


def test_a_cancelled_picture_that_is_nearly_done_is_finished_and_discarded(calm_engine: DiffusionEngine) -> None:
    calm_engine._reload_s = 1000.0
    calm_engine.submit(image_job("cancelled", steps=4))
    calm_engine.submit(image_job("next"))
    step_until_progress(calm_engine)
    calm_engine.cancel("cancelled")
    assert calm_engine.stats().running == 1
    outcomes = finish(calm_engine)
    assert list(outcomes) == ["next"]
    assert isinstance(outcomes["next"].events[-1], Done)


def test_a_cancelled_picture_that_takes_longer_than_a_new_process_ends_the_process(
    calm_engine: DiffusionEngine,
) -> None:
    calm_engine._reload_s = 0.01
    calm_engine.submit(image_job("long", steps=12))
    step_until_progress(calm_engine)
    with pytest.raises(WorkerMustEnd):
        calm_engine.cancel("long")


def test_a_cancelled_picture_that_turns_out_to_be_slow_ends_the_process(
    calm_engine: DiffusionEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm_engine._reload_s = 0.01
    calm_engine.submit(image_job("long", steps=12))
    step_until_progress(calm_engine)
    monkeypatch.setattr(StepTimer, "remaining_s", lambda timer: None)
    calm_engine.cancel("long")
    with pytest.raises(WorkerMustEnd):
        finish(calm_engine)


def test_a_failure_of_the_library_is_reported_and_the_next_job_runs(
    engine: DiffusionEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(stable_diffusion_cpp, "generate_image", lambda context, parameters: None)
        failed = run(engine, image_job()).events[-1]
    assert isinstance(failed, Failed)
    assert failed.status == 500
    assert "the library gave no reason" in failed.message
    assert isinstance(run(engine, image_job()).events[-1], Done)


def test_a_missing_package_is_explained(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "workers.diffusion.native.model", raising=False)
    monkeypatch.delitem(sys.modules, "workers.diffusion.native.log", raising=False)
    monkeypatch.setitem(sys.modules, "stable_diffusion_cpp", None)
    with pytest.raises(EngineLoadError, match=r"pip install 'nexa-server\[images\]'"):
        DiffusionEngine(DiffusionOptions(str(checkpoint), "tiny", 2)).load(lambda fraction: None)


def test_loading_is_reported(checkpoint: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fractions: list[float] = []
    engine = DiffusionEngine(DiffusionOptions(str(checkpoint), "tiny", 2))
    info = engine.load(fractions.append)
    engine.close()
    assert (info.slots, info.context_tokens) == (1, 0)
    assert fractions[-1] == 1.0
    assert sorted(fractions) == fractions
    assert capfd.readouterr().out == ""


def test_a_damaged_checkpoint_is_refused_with_the_library_s_errors(tmp_path: Path, checkpoint: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    data = checkpoint.read_bytes()[: 1 << 20]
    damaged.write_bytes(data)
    with pytest.raises(EngineLoadError, match="the file is truncated"):
        DiffusionEngine(DiffusionOptions(str(damaged), "tiny", 2)).load(lambda fraction: None)
    damaged = tmp_path / "damaged.ckpt"
    damaged.write_bytes(b"{}")
    with pytest.raises(EngineLoadError, match="init model loader from file failed"):
        DiffusionEngine(DiffusionOptions(str(damaged), "tiny", 2)).load(lambda fraction: None)
    with pytest.raises(EngineLoadError, match="no such file"):
        DiffusionEngine(DiffusionOptions(str(tmp_path / "none.gguf"), "tiny", 2)).load(lambda fraction: None)


def in_process(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = (
        "import logging, sys; logging.basicConfig(level='INFO')\n"
        "from workers.diffusion.native.engine import DiffusionEngine\n"
        "from workers.diffusion.options import DiffusionOptions\n"
        "engine = DiffusionEngine(DiffusionOptions(sys.argv[1], 'tiny', 2))\n"
        "engine.load(lambda fraction: None)\n" + code
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=Path(make_tiny_sd.__file__).parents[1],
    )


def test_a_checkpoint_that_crashes_the_process_leaves_the_library_s_last_log_lines(tmp_path: Path) -> None:
    header = b'{"model.diffusion_model.input_blocks.0.0.weight":{"shape":[1],"data_offsets":[0,4]}}'
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(len(header).to_bytes(8, "little") + header + bytes(64))
    ended = in_process("", str(bad))
    assert ended.returncode < 0
    assert f"load {bad} using safetensors format" in ended.stderr
    assert "type must be string" in ended.stderr


def test_a_process_exits_cleanly_while_a_picture_is_in_progress(checkpoint: Path) -> None:
    code = (
        "from workers.engine import EngineJob\n"
        "from shared.wire.jobs import ImageJob; from shared.wire.payloads import Progress\n"
        "engine.submit(EngineJob('a', ImageJob('a cat', width=64, height=64, steps=500)))\n"
        "while not any(isinstance(event, Progress) for _, event in engine.step()): pass\n"
        "engine.close()\n"
    )
    ended = in_process(code, str(checkpoint))
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr
