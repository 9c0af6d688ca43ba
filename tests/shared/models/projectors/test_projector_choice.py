"""The projector that lies beside a model, and the one that a user names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.errors import ModelError
from shared.kinds import JobKind
from shared.models.projectors.choice import NO_PROJECTOR, NONE, ModelProjector, projector_beside, projector_to_use
from shared.models.resolution import resolve_path
from tests.support.models.projectors import projector, seeing_model

TEXT = (JobKind.TEXT,)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "chat-Q4_K_M.gguf"
    path.write_bytes(seeing_model())
    return path


def beside(model: Path, name: str, content: bytes) -> Path:
    path = model.parent / name
    path.write_bytes(content)
    return path


def test_a_model_alone_takes_text_only(model: Path) -> None:
    assert projector_beside(model) == NONE


@pytest.mark.parametrize("name", ["mmproj-chat-f16.gguf", "chat.mmproj.gguf", "vision.gguf"])
def test_a_projector_is_known_by_its_name_or_its_header(model: Path, name: str) -> None:
    path = beside(model, name, projector(hears=True))
    assert projector_beside(model) == ModelProjector(path, ("image", "audio"))
    assert resolve_path(model, "", onnx=False).projector.path == path
    assert resolve_path(model.parent, "", onnx=False).projector.path == path


def test_a_projector_is_also_known_by_its_type(model: Path) -> None:
    path = beside(model, "eyes.gguf", projector(architecture="siglip"))
    assert projector_beside(model).path == path


def test_of_several_it_is_the_nearest_precision_at_or_above_that_of_the_model(model: Path) -> None:
    for quant in ("Q2_K", "Q8_0", "F16", "F32"):
        beside(model, f"mmproj-{quant}.gguf", projector())
    path = projector_beside(model).path
    assert path is not None
    assert path.name == "mmproj-Q8_0.gguf"


def test_one_that_does_not_fit_leaves_the_place_to_one_that_does(model: Path) -> None:
    beside(model, "mmproj-Q8_0.gguf", projector(640))
    fitting = beside(model, "mmproj-F32.gguf", projector())
    assert projector_beside(model) == ModelProjector(fitting, ("image",))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (projector(640), "mmproj.gguf: expected a projector for a model of width 576, got one for 640"),
        (projector()[:-8], "the file is truncated"),
        (b"", "got an empty file"),
        (seeing_model(), "got a file of architecture llama"),
    ],
    ids=["width", "cut", "empty", "model"],
)
def test_one_that_cannot_be_used_is_told_in_one_line(model: Path, content: bytes, why: str) -> None:
    beside(model, "mmproj.gguf", content)
    found = projector_beside(model)
    assert (found.path, found.media) == (None, ())
    assert why in found.refusal
    assert "\n" not in found.refusal


def test_what_is_no_file_at_all_is_not_opened(model: Path) -> None:
    os.mkfifo(model.parent / "pipe.gguf")
    (model.parent / "loop.gguf").symlink_to("loop.gguf")
    assert projector_beside(model) == NONE
    os.mkfifo(model.parent / "mmproj-chat.gguf")
    assert "got no file" in projector_beside(model).refusal


def test_the_option_comes_first(model: Path, tmp_path: Path) -> None:
    found = ModelProjector(beside(model, "mmproj.gguf", projector()), ("image",))
    other = beside(model, "other.gguf", projector(hears=True))

    def used(mmproj: str, engine: str = "llama") -> ModelProjector:
        return projector_to_use(mmproj, engine, TEXT, found, model)

    assert used("") == found
    assert used(str(other)) == ModelProjector(other, ("image", "audio"))
    assert used(NO_PROJECTOR) == NONE
    assert used("", engine="embedding") == used("missing.gguf", engine="echo") == NONE


def test_a_named_projector_that_does_not_fit_is_an_error(model: Path) -> None:
    other = beside(model, "other.gguf", projector(640))
    with pytest.raises(
        ModelError, match=r"other\.gguf: expected a projector for a model of width 576, got one for 640$"
    ):
        projector_to_use(str(other), "llama", TEXT, NONE, model)
    with pytest.raises(ModelError, match=r"gone\.gguf: cannot be read: No such file or directory$"):
        projector_to_use(str(model.parent / "gone.gguf"), "llama", TEXT, NONE, model)
