"""Graphs are opened, or refused in one line that says why."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from shared.engines.onnx.providers import OnnxProvider
from tests.support.onnx.graphs import SIDE, WEIGHTS, build_onnx
from workers.engine import EngineLoadError
from workers.onnx.session import check_provider, explain, open_session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "minilm"
    path.mkdir()
    return path


def write(folder: Path, content: bytes) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(content)
    return path


def test_a_graph_computes_with_the_weights_of_a_file_beside_it(folder: Path) -> None:
    (folder / "model.onnx_data").write_bytes(WEIGHTS)
    session = open_session(write(folder, build_onnx(weights_in="model.onnx_data")), threads=2)
    (result,) = session.run(None, {"x": np.ones((3, SIDE), np.float32)})
    assert result.tolist() == [[SIDE] * SIDE] * 3


def test_threads_are_the_workers_and_do_not_spin(folder: Path) -> None:
    options = open_session(write(folder, build_onnx()), threads=3).get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (3, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_links_as_in_the_hubs_cache_are_followed(tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "1"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    (blobs / "aa").write_bytes(build_onnx(weights_in="model.onnx_data"))
    (blobs / "bb").write_bytes(WEIGHTS)
    (snapshot / "model.onnx").symlink_to("../../blobs/aa")
    (snapshot / "model.onnx_data").symlink_to("../../blobs/bb")
    assert open_session(snapshot / "model.onnx").get_inputs()[0].name == "x"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected an ONNX file, got one that is damaged or incomplete"),
        (b"\0" * 500, "expected an ONNX file, got one that is damaged or incomplete"),
        (b"<html>not found", "expected an ONNX file, got one that is damaged or incomplete"),
        (build_onnx()[:-40], "expected an ONNX file, got one that is damaged or incomplete"),
        (build_onnx(opset=9999), r"expected opset \d+ of ai.onnx at most, as onnxruntime [\d.]+ has, got 9999; .*"),
        (build_onnx(ir_version=9999), r"expected IR version \d+ at most, as onnxruntime [\d.]+ has, got 9999; .*"),
        (build_onnx(operation="Brew"), r"expected operations that onnxruntime [\d.]+ has, got Brew"),
        (build_onnx(weights_in="w.data"), "expected its weights beside it, got no w.data"),
        (build_onnx(weights_in="../secret"), r"expected its weights in its own folder, got '\.\./secret'"),
        (build_onnx(weights_in="a/../../secret"), r"expected its weights in its own folder, got 'a/\.\./\.\./secret'"),
        (build_onnx(weights_in="/etc/passwd"), "expected its weights in its own folder, got an absolute path"),
    ],
)
def test_a_file_that_cannot_be_opened_is_one_line(folder: Path, content: bytes, message: str) -> None:
    (folder.parent / "secret").write_bytes(WEIGHTS)
    with pytest.raises(EngineLoadError) as error:
        open_session(write(folder, content))
    assert re.fullmatch(rf"minilm/model\.onnx: {message}", str(error.value)), error.value


def test_weights_that_end_too_early_are_named(folder: Path) -> None:
    (folder / "w.data").write_bytes(WEIGHTS[:10])
    with pytest.raises(EngineLoadError, match=r"got one that ends before the weights w$"):
        open_session(write(folder, build_onnx(weights_in="w.data")))


def test_a_link_does_not_lead_out_of_the_folder(folder: Path) -> None:
    (folder.parent / "secret").write_bytes(WEIGHTS)
    os.symlink("../secret", folder / "w.data")
    with pytest.raises(EngineLoadError, match=r"expected its weights in its own folder, got 'w\.data'$"):
        open_session(write(folder, build_onnx(weights_in="w.data")))


def test_a_pointer_of_git_lfs_is_known(folder: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"
    with pytest.raises(EngineLoadError, match="expected an ONNX file, got a pointer of Git LFS"):
        open_session(write(folder, pointer))


def test_a_missing_file_is_one_line(folder: Path) -> None:
    with pytest.raises(EngineLoadError, match=r"minilm/model\.onnx: cannot be read: No such file or directory$"):
        open_session(folder / "model.onnx")


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "model.onnx")
    with pytest.raises(EngineLoadError, match=r"model\.onnx: expected a file, got something else$"):
        open_session(folder / "model.onnx")


@pytest.mark.parametrize("name", ["model\0.onnx", "model\ud800.onnx"])
def test_a_name_that_no_file_has_is_one_line(folder: Path, name: str) -> None:
    with pytest.raises(EngineLoadError, match=r"^expected the name of a file of a model, got '[ -~]+'$"):
        open_session(folder / name)


@pytest.mark.parametrize(
    ("provider", "package"),
    [
        (OnnxProvider.CUDA, "onnxruntime-gpu"),
        (OnnxProvider.TENSORRT, "onnxruntime-gpu"),
        (OnnxProvider.OPENVINO, "onnxruntime-openvino"),
    ],
)
def test_a_provider_that_is_not_installed_names_its_package(
    monkeypatch: pytest.MonkeyPatch, provider: OnnxProvider, package: str
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    expected = f"onnx_provider: expected cpu, which the installed onnxruntime has, got {provider}; install {package} "
    with pytest.raises(EngineLoadError, match=f"^{expected}instead of onnxruntime"):
        check_provider(provider)


def test_directml_is_for_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(EngineLoadError, match=r"got directml; onnxruntime-directml is for Windows only$"):
        check_provider(OnnxProvider.DIRECTML)


def test_an_unknown_reason_is_shown_without_places_in_source_code() -> None:
    reason = (
        "[ONNXRuntimeError] : 1 : FAIL : Load model from m.onnx failed:/src/graph.cc:12 onnx::Graph::Resolve() no\n"
    )
    assert re.fullmatch(r"a/m\.onnx: onnxruntime [\d.]+ cannot open it: no", explain(Path("a/m.onnx"), reason))


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("ModelProto does not have a graph.", "expected an ONNX file, got one that is damaged or incomplete"),
        (
            "filesystem error: cannot get file size: No such file or directory [bge/model.onnx_data]",
            "expected its weights beside it, got no model.onnx_data",
        ),
        (
            'External data path: "../secret" escapes model directory: "bge"',
            "expected its weights in its own folder, got '../secret'",
        ),
        ("std::bad_alloc", "not enough memory for the model"),
    ],
)
def test_words_of_other_versions_are_known(reason: str, message: str) -> None:
    assert explain(Path("bge/model.onnx"), f"[ONNXRuntimeError] : 1 : FAIL : {reason}") == f"bge/model.onnx: {message}"


def test_a_version_that_reads_weights_from_any_path_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("onnxruntime.__version__", "1.23.2")
    with pytest.raises(EngineLoadError, match=r"^onnxruntime: expected version 1\.24 or later, got 1\.23\.2$"):
        check_provider(OnnxProvider.CPU)
