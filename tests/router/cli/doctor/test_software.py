"""What the doctor says of builds, extras and models."""

from __future__ import annotations

import signal
import subprocess
from typing import Any

import pytest

from router.cli.doctor.findings import FindingState
from router.cli.doctor.software import REBUILD, examine_build, examine_extras, examine_models, judge_build

BUILD = {
    "version": "0.3.36",
    "features": ["AVX", "AVX2"],
    "gpu": False,
    "devices": [{"name": "CPU", "description": "c"}],
}


def test_a_build_that_fits() -> None:
    (found,) = judge_build(BUILD, ["AVX", "AVX2"], nvidia=False)
    assert (found.state, found.text) == (FindingState.OK, "0.3.36, computes on CPU (c); uses AVX, AVX2")


def test_a_build_that_leaves_something_unused() -> None:
    (found,) = judge_build(BUILD, ["AVX", "AVX2", "AVX512"], nvidia=False)
    assert (found.state, found.remedy) == (FindingState.NOTE, REBUILD)
    assert found.text.endswith("; does not use AVX512")


def test_a_build_without_cuda_beside_a_gpu() -> None:
    _, found = judge_build(BUILD, ["AVX"], nvidia=True)
    assert (found.text, found.remedy) == (
        "built without CUDA: it does not use the GPU",
        "NEXA_BACKEND=cuda make setup",
    )
    assert len(list(judge_build({**BUILD, "gpu": True}, ["AVX"], nvidia=True))) == 1


@pytest.mark.parametrize(
    ("code", "stderr", "said"),
    [
        (-signal.SIGILL, "", "built for another processor: it uses an instruction that this one lacks"),
        (1, "Traceback\nOSError: libcuda.so.1 not found\n", "cannot be loaded: OSError: libcuda.so.1 not found"),
        (3, "", "cannot be loaded: exit code 3"),
    ],
)
def test_a_build_that_does_not_run(monkeypatch: pytest.MonkeyPatch, code: int, stderr: str, said: str) -> None:
    def run(*_: Any, **__: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], code, "", stderr)

    monkeypatch.setattr(subprocess, "run", run)
    (found,) = examine_build([], nvidia=False)
    assert (found.state, found.text, found.remedy) == (FindingState.PROBLEM, said, REBUILD)


def test_the_installed_build_tells_of_itself() -> None:
    found, *_ = examine_build([], nvidia=False)
    assert found.state is FindingState.OK
    assert [device["name"] for device in found.facts["devices"]][-1] == "CPU"
    assert found.facts["features"]


def test_extras_that_are_not_installed_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "stable_diffusion_cpp" else object())
    found = examine_extras()
    assert "speech" in found.facts["installed"]
    assert "; not installed: images (ffmpeg is not needed" in found.text
    assert "EXTRAS=images" in found.remedy


@pytest.mark.parametrize("missing", ["PIL", "av"])
def test_what_decodes_the_pictures_and_recordings_of_chats_is_an_extra_too(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    assert "media" in examine_extras().facts["installed"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == missing else object())
    found = examine_extras()
    assert "; not installed: media (" in found.text
    assert "EXTRAS=media" in found.remedy


def test_models_that_are_here() -> None:
    found = examine_models()
    assert found.state is FindingState.OK
    assert "smollm2" in found.facts["names"]


def test_without_any_model_no_server_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.cli.doctor.software.rows_of_everywhere", lambda *_: ([], None))
    assert examine_models().state is FindingState.PROBLEM
