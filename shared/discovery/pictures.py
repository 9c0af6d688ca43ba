"""Image models that are found: their parts, of which nothing is fetched, and what the catalog says of them."""

from __future__ import annotations

from typing import Any

from shared.discovery.found import FoundModel, ModelPlace
from shared.errors import ModelError
from shared.hub.part_files import find_part
from shared.hub.store import ModelStore
from shared.models.catalog import load_catalog
from shared.models.parts import hub_source, is_of_hub, parts_of
from shared.settings.images.parts import DEFAULTS, PARTS
from shared.settings.model import SingleModelOptions


def found_image_options(
    model: FoundModel, options: SingleModelOptions, common: SingleModelOptions, store: ModelStore
) -> dict[str, Any]:
    """The options of an image model with its parts as paths. ``common`` are those of all models that are found.

    Raises:
        ModelError: a part is missing, was not fetched, or is one for other models.
        OSError: a file cannot be read.
    """
    entry = load_catalog().named(model.name) if model.source is ModelPlace.NEXA else None
    known = {option: _here(part, store) for option, part in entry.parts} if entry else {}
    given = {option: _here(part, store) for option in PARTS if (part := getattr(options, option))}
    shared = {option for option in given if getattr(options, option) == getattr(common, option)}
    own = {option: path for option, path in given.items() if option not in shared}
    parts = parts_of(model.path, own, {option: given[option] for option in shared}, known)
    values = dict(entry.defaults) if entry else {}
    defaults = {name: values[name] for name in DEFAULTS if name in values and not getattr(options, name)}
    return {**dict.fromkeys(PARTS, ""), **parts, **defaults}


def _here(part: str, store: ModelStore) -> str:
    """The path of a part. Raises :class:`ModelError` for a file of the hub that was not fetched."""
    if not is_of_hub(part):
        return part
    path = find_part(store, hub_source(part))
    if path is None:
        raise ModelError(f"expected a part that was fetched, got {part}; nexa pull fetches a model with all its parts")
    return str(path)
