"""Image models that are named: their parts, and what the catalog says of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.engines.diffusion.spec import DIFFUSION
from shared.errors import ModelError
from shared.hub.part_files import ensure_part
from shared.hub.progress import progress_for
from shared.hub.store import ModelStore
from shared.models.catalog import load_catalog
from shared.models.parts import hub_source, is_of_hub, parts_of
from shared.models.resolution import ResolvedModel, resolve_path
from shared.models.source import PathSource, looks_like_path, parse_source
from shared.settings.images.parts import DEFAULTS, PARTS
from shared.settings.loading import RequestedModel
from shared.settings.option import OptionError


def named_by_parts(requested: RequestedModel, store: ModelStore) -> ResolvedModel | None:
    """The model of a table or name that only its parts describe: its file is that of the option ``diffusion_model``.

    None for a name that says by itself which model it is.
    """
    spec, own = requested.spec, requested.options.diffusion_model
    is_path = looks_like_path(spec) or not isinstance(parse_source(spec), PathSource)
    if not own or is_path or load_catalog().find(spec) is not None:
        return None
    path = _fetched(requested, "diffusion_model", store)
    found = resolve_path(Path(path), path, onnx=False)
    return ResolvedModel(spec, found.kinds, found.engine, found.path, found.licence, found.source)


def image_options(requested: RequestedModel, model: ResolvedModel, store: ModelStore) -> dict[str, Any]:
    """The options of an image model with its parts as paths, and the catalog's defaults where nothing else is given.

    Raises:
        OptionError: a part is missing, cannot be fetched, or is one for other models.
    """
    assert model.engine == DIFFUSION.name
    given = {option: _fetched(requested, option, store) for option in PARTS if getattr(requested.options, option)}
    if given.get("diffusion_model") == str(model.path):
        del given["diffusion_model"]
    own = {option: path for option, path in given.items() if _is_own(requested, option)}
    common = {option: path for option, path in given.items() if option not in own}
    try:
        parts = parts_of(model.path, own, common, dict(model.parts))
    except ModelError as error:
        raise OptionError(
            f"{requested.spec}@{error}" if _names_option(error) else f"{requested.spec}: {error}"
        ) from None
    except OSError as error:
        raise OptionError(f"{requested.spec}: cannot be read: {error.strerror or error}") from None
    defaults = {name: value for name, value in model.defaults if not getattr(requested.options, name)}
    return {**dict.fromkeys(PARTS, ""), **parts, **{name: defaults[name] for name in DEFAULTS if name in defaults}}


def _names_option(error: ModelError) -> bool:
    return str(error).partition(":")[0] in PARTS


def _is_own(requested: RequestedModel, option: str) -> bool:
    """Whether an option was given for this model alone."""
    origin = requested.origins.get(option, f"{requested.spec}@")
    return origin.startswith((f"{requested.spec}@", f"models.{requested.spec}."))


def _fetched(requested: RequestedModel, option: str, store: ModelStore) -> str:
    """The path of a part, which is fetched if it is one of the hub."""
    given: str = getattr(requested.options, option)
    if not is_of_hub(given):
        return given
    try:
        return str(ensure_part(store, hub_source(given), progress_for()))
    except ModelError as error:
        raise OptionError(f"{requested.origins.get(option, option)}: {error}") from None
