"""What is read of a projector's header: media, and the width of its models."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import ModelError
from shared.models.projectors.header import read_projector
from tests.support.models.gguf_builder import Value, build_gguf
from tests.support.models.projectors import projector, seeing_model


def written(folder: Path, content: bytes, name: str = "p.gguf") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("sees", "hears", "media"),
    [(True, False, ("image",)), (False, True, ("audio",)), (True, True, ("image", "audio"))],
)
def test_the_encoders_say_what_it_sees_and_hears(
    tmp_path: Path, sees: bool, hears: bool, media: tuple[str, ...]
) -> None:
    assert read_projector(written(tmp_path, projector(sees=sees, hears=hears))).media == media


def test_without_these_keys_the_tensors_say_it(tmp_path: Path) -> None:
    content = build_gguf({"general.architecture": "clip"}, [("a.conv1d.1.weight", (3, 8)), ("mm.0.weight", (8, 8))])
    assert read_projector(written(tmp_path, content)).media == ("audio",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (projector(sees=False), "p.gguf: expected a projector for pictures or recordings, got one for neither"),
        (seeing_model(), "p.gguf: expected a projector (mmproj), got a file of architecture llama"),
        (b"<!doctype html>", "p.gguf: expected a GGUF file, got an HTML page; the download may have"),
        (projector()[:-100], "the file is truncated"),
    ],
    ids=["neither", "model", "page", "cut"],
)
def test_other_files_are_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ModelError) as raised:
        read_projector(written(tmp_path, content))
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_width_is_the_projected_one_where_the_tensors_bear_it_out(tmp_path: Path) -> None:
    read = read_projector(written(tmp_path, projector(576)))
    assert (read.fits(576), read.fits(256), read.fits(640)) == (True, False, False)
    with pytest.raises(ModelError, match=r"^p\.gguf: expected a projector for a model of width 640, got one for 576$"):
        read.check_fits(640)


def test_a_width_within_the_encoder_as_in_older_files_is_not_taken_for_that_of_the_model(tmp_path: Path) -> None:
    metadata: dict[str, Value] = {"general.architecture": "clip", "clip.has_vision_encoder": True}
    metadata |= {"clip.vision.projection_dim": 768, "clip.vision.embedding_length": 1024}
    content = build_gguf(metadata, [("mm.0.weight", (1024, 4096)), ("mm.2.bias", (4096,))])
    read = read_projector(written(tmp_path, content))
    assert (read.fits(4096), read.fits(768), read.fits(1024)) == (True, False, False)


def test_a_header_that_tells_no_width_fits_any_model_and_so_does_any_a_model_that_tells_none(tmp_path: Path) -> None:
    silent = build_gguf({"general.architecture": "clip", "clip.has_vision_encoder": True}, [("v.blk.0.ln1.bias", (8,))])
    assert read_projector(written(tmp_path, silent)).fits(576)
    assert read_projector(written(tmp_path, projector(640), "q.gguf")).fits(0)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, projector())
    assert read_projector(path).media == ("image",)
    written(tmp_path, projector(hears=True, clip__more="x"))
    assert read_projector(path).media == ("image", "audio")
