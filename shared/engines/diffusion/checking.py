"""Whether the files of an image model go together, before the library reads them: it ends the process on some that do
not, at the latest with the first picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shared.engines.diffusion.families import describe
from shared.engines.diffusion.parts import check_part, text_width, wanted_parts
from shared.engines.diffusion.tensors import read_shapes
from shared.errors import ModelError

READ_FOR_MODELS = ("vae", "llm", "llm_vision", "clip_l", "clip_g", "t5xxl", "control_net", "upscaler")
"""The parts whose headers are checked."""


def check_model(path: Path, parts: Mapping[str, str]) -> None:
    """Check that a model has all its parts, each in a file of its kind. ``path`` is that of the diffusion model.

    A file that the rules of this package do not know is left to the library.

    Raises:
        ModelError: a part is missing, or does not fit. It names the option.
        OSError: a file cannot be read.
    """
    shapes = read_shapes(path)
    described = describe(shapes, path.stem)
    if described is None:
        return
    wanted = wanted_parts(described, shapes, parts)
    if wanted:
        options = ", ".join(wanted)
        raise ModelError(
            f"{path.name}: expected the other files of {described.family.title} by the model's options {options}, "
            "or beside it, got none"
        )
    width = text_width(described, shapes)
    for option in READ_FOR_MODELS:
        if parts.get(option):
            try:
                check_part(option, Path(parts[option]), described, width)
            except ModelError as error:
                raise ModelError(f"{option}: {error}") from None
