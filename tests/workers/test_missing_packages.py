"""An engine whose packages are not all installed is one line for the operator, not a crash."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from shared import exit_codes
from shared.engines.onnx.text import ONNX_TEXT
from shared.settings import ModelSettings, ServerSettings
from workers import __main__ as worker
from workers import engine
from workers.onnx.images.engine import OnnxPictureEngine
from workers.onnx.images.options import OnnxPictureOptions

MODEL = ModelSettings(name="tiny", kinds=ONNX_TEXT.kinds, engine=ONNX_TEXT.name, path="")


@pytest.fixture(autouse=True)
def engine_of_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(ONNX_TEXT, factory="no_such_package.factory:create")
    monkeypatch.setattr(engine, "find_engine", lambda _name: spec)


def test_the_package_and_the_remedy_are_named() -> None:
    expected = (
        r"models for onnx-text need more packages \(No module named 'no_such_package'\): run `make setup EXTRAS=onnx`"
    )
    with pytest.raises(engine.EngineLoadError, match=expected):
        engine.build_engine(MODEL, 1, "cpu")


def test_the_worker_says_it_in_one_line_and_is_not_started_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ServerSettings(models=(MODEL,), run_folder=str(tmp_path))
    monkeypatch.setattr(ServerSettings, "load", lambda _path: settings)
    monkeypatch.setattr(worker, "die_with_parent", lambda: None)
    monkeypatch.setattr(worker, "open_log", lambda *_args, **_options: None)
    with caplog.at_level(logging.ERROR):
        code = worker.main(["--settings", "x", "--model", "tiny", "--worker-name", "tiny/0", "--worker-id", "0"])
    assert code == exit_codes.CANNOT_LOAD
    (record,) = caplog.records
    assert record.getMessage().startswith("tiny cannot be loaded: models for onnx-text need more packages")
    assert record.exc_info is None


def test_images_in_onnx_name_a_package_that_is_missing_when_they_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "workers.onnx.images.loading", None)  # as if an import in it failed
    with pytest.raises(engine.EngineLoadError, match=r"need more packages \(.+\): run `make setup EXTRAS=onnx`"):
        OnnxPictureEngine(OnnxPictureOptions("", "tiny", threads=1)).load(lambda _fraction: None)
