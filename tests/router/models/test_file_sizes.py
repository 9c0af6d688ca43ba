"""Sizes of models in files."""

from __future__ import annotations

from pathlib import Path

from router.models.file_sizes import size_with_parts
from shared.kinds import JobKind
from shared.settings import ModelSettings


def test_the_size_of_an_image_model_is_that_of_all_its_files(tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("model", "llm", "vae")}
    for number, path in enumerate(paths.values()):
        path.write_bytes(bytes(10**number))
    parts = {"llm": str(paths["llm"]), "vae": str(paths["vae"])}
    model = ModelSettings(name="m", kinds=(JobKind.IMAGE,), engine="diffusion", path=str(paths["model"]), **parts)
    assert size_with_parts(model) == 111
    paths["llm"].unlink()
    assert size_with_parts(model) is None
