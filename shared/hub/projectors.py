"""Chooses the projector of a model from the files of its hub repository."""

from __future__ import annotations

from collections.abc import Sequence

from shared.engines.files import HubFile
from shared.engines.helper_files import helper_by_name
from shared.models.projectors.names import USUAL_BITS, bits_by_name, first_parts, named_projector, nearest, of_model


def choose_hub_projector(model: str, files: Sequence[HubFile]) -> HubFile | None:
    """The projector that is fetched with ``model``, a path in a repository with these files; None if there is none.

    Of several, it is the one whose precision is nearest to the model's from above.
    """
    if not model.lower().endswith(".gguf"):
        return None
    ggufs = first_parts(file.path for file in files)
    projectors = [path for path in ggufs if named_projector(path)]
    others = [path for path in ggufs if helper_by_name(path) is None and path != model]
    named = of_model(model, projectors, others)
    if not named:
        return None
    path = nearest(named, bits_by_name, str, bits_by_name(model) or USUAL_BITS)
    return next(file for file in files if file.path == path)
