from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.onnx.made_models import made_model
from workers.onnx.speech.model import OnnxWhisper
from workers.whisper.options import WhisperOptions

ENCODER = Path("onnx") / "encoder_model.onnx"


def loaded(folder: Path) -> OnnxWhisper:
    return OnnxWhisper(WhisperOptions(str(folder / ENCODER), folder.name, threads=2), "cpu")


@pytest.fixture(scope="session")
def random_folder() -> Path:
    """A tiny model with random weights: ``merged``, and as a ``pair`` of decoders without cross attentions."""
    return made_model("whisper-random")


@pytest.fixture(scope="session")
def tokenizer_file(random_folder: Path) -> Path:
    """The tokenizer of multilingual models."""
    return random_folder / "merged" / "tokenizer.json"


@pytest.fixture(scope="module")
def merged(random_folder: Path) -> Iterator[OnnxWhisper]:
    model = loaded(random_folder / "merged")
    yield model
    model.close()


@pytest.fixture(scope="module")
def pair(random_folder: Path) -> Iterator[OnnxWhisper]:
    model = loaded(random_folder / "pair")
    yield model
    model.close()
