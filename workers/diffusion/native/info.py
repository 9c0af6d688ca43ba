"""What a model is and can do, by the headers of its files and its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from shared.engines.diffusion.families import Described, describe
from shared.engines.diffusion.tensors import read_shapes
from shared.engines.diffusion.versions import Shapes, is_bare
from shared.errors import ModelError
from shared.settings.images.values import split_size
from shared.wire.pictures import PictureDefaults, PictureFeature, PictureInfo
from workers.diffusion.options import DiffusionOptions

FEATURES: tuple[PictureFeature, ...] = ("text", "edit", "mask", "hires", "loras", "previews")
"""What all models can do."""


def picture_info(options: DiffusionOptions) -> PictureInfo:
    """What the model of these options is. Of a file that cannot be read, nothing is known: it is not opened either."""
    found = _described(options)
    defaults = _own(found.defaults if found else PictureDefaults(), options)
    further: dict[PictureFeature, bool] = {
        "references": found is not None and found.takes_references,
        "control": bool(options.control_net),
        "upscale": bool(options.upscaler),
    }
    features = (*FEATURES, *(feature for feature, is_there in further.items() if is_there))
    if found is None:
        return PictureInfo(defaults=defaults, features=features)
    return PictureInfo(found.family.name, defaults, features, found.family.side_multiple)


def is_alone(options: DiffusionOptions) -> bool:
    """Whether the model's own file is the diffusion model alone, which the library must be told."""
    if options.diffusion_model:
        return False
    shapes = _shapes(options.model_path)
    if not shapes:  # an old pickle
        return bool(options.clip_l or options.t5xxl or options.llm)
    return is_bare(shapes)


def needs_references_at_zero(options: DiffusionOptions) -> bool:
    """Whether the library must be told that the time of reference pictures is zero."""
    found = _described(options)
    return found is not None and found.references_at_zero


def _described(options: DiffusionOptions) -> Described | None:
    name = f"{Path(options.painting_file).stem} {options.model_name}"
    return describe(_shapes(options.painting_file), name)


def _own(usual: PictureDefaults, options: DiffusionOptions) -> PictureDefaults:
    """The defaults of a family, but for what the model's options say."""
    names = ("steps", "cfg_scale", "sampler", "scheduler", "guidance", "flow_shift")
    changed: dict[str, Any] = {name: value for name in names if (value := getattr(options, name))}
    if options.image_size:
        changed["width"], changed["height"] = split_size(options.image_size)
    return replace(usual, **changed)


def _shapes(path: str) -> Shapes:
    try:
        return read_shapes(Path(path))
    except (ModelError, OSError):
        return {}
