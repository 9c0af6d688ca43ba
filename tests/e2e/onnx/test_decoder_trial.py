"""A graph that is not what its folder says is one line at the start, and not a worker that dies of a request."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from shared.engines.onnx.providers import OnnxProvider
from tests.support.onnx.made_models import made_model
from workers.engine import EngineLoadError
from workers.onnx.session import open_session
from workers.onnx.text.decoding.layout import CONFIG, DecoderSettings, read_settings
from workers.onnx.text.model import OpenedFolder, batched_model, generator_model
from workers.onnx.text.vocabulary import read_vocabulary
from workers.text.model import BatchDecoder, DecoderSize

SIZE = DecoderSize(cells=8192, sequences=2, context_tokens=8192, batch_tokens=256, threads=2)


@pytest.fixture(scope="module")
def folder() -> Path:
    """SmolLM2, whose graph computes 8192 tokens."""
    return made_model("text")


def open_batched(folder: Path, settings: DecoderSettings, size: DecoderSize) -> BatchDecoder:
    """The decoder of a folder with other settings than its own."""
    session = open_session(settings.graph, OnnxProvider.CPU, 2)
    model = batched_model(OpenedFolder(folder, settings, read_vocabulary(str(folder)), OnnxProvider.CPU, 2), session)
    return model.open_decoder(size)


def test_a_whole_context_can_be_computed(folder: Path) -> None:
    open_batched(folder, read_settings(folder), SIZE).close()


def test_the_head_size_is_another(folder: Path) -> None:
    with pytest.raises(EngineLoadError, match=r"^the graph does not compute what the settings .* got 32 expected 64"):
        open_batched(folder, replace(read_settings(folder), head_size=32), SIZE)


@pytest.mark.parametrize("sequences", [1, 2])
def test_the_context_is_longer_than_the_graph_can_compute(folder: Path, sequences: int) -> None:
    with pytest.raises(EngineLoadError, match=r"^--nctx: expected a context that the graph can compute, got 8193 "):
        open_batched(folder, read_settings(folder), replace(SIZE, context_tokens=8193, sequences=sequences))


def test_a_context_with_two_rotations(folder: Path) -> None:
    settings = replace(read_settings(folder), type="phi3")
    with pytest.raises(EngineLoadError, match=r"^--nctx: expected at most 4096, as models of type phi3 .*, got 4097$"):
        open_batched(folder, settings, replace(SIZE, context_tokens=4097))
    open_batched(folder, settings, replace(SIZE, context_tokens=4096)).close()


def test_the_context_is_longer_than_generators_allow(folder: Path) -> None:
    vocabulary = read_vocabulary(str(folder))
    model = generator_model(OpenedFolder(folder, read_settings(folder), vocabulary, OnnxProvider.CPU, 2), 2)
    with pytest.raises(EngineLoadError, match=r"max_length \(8193\)"):
        model.open_decoder(replace(SIZE, context_tokens=8193))


def test_generators_give_other_tokens_than_the_vocabulary_has(folder: Path) -> None:
    vocabulary = read_vocabulary(str(folder))
    vocabulary.size += 1
    model = generator_model(OpenedFolder(folder, read_settings(folder), vocabulary, OnnxProvider.CPU, 2), 2)
    with pytest.raises(EngineLoadError, match="expected 49153 logits for a token, got 49152"):
        model.open_decoder(SIZE)


def test_an_error_of_generators_is_one_line(folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    config = (other / CONFIG).read_text().replace('"head_size": 64', '"head_size": 32')
    (other / CONFIG).write_text(config)
    settings, vocabulary = read_settings(other), read_vocabulary(str(other))
    model = generator_model(OpenedFolder(other, settings, vocabulary, OnnxProvider.CPU, 2), 2)
    with pytest.raises(EngineLoadError, match=r"^the graph does not compute .* got 32 expected 64"):
        model.open_decoder(SIZE)
    assert capfd.readouterr().err == ""
