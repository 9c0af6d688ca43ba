"""Choose, from the files of a hub repository, those that make up one model."""

from __future__ import annotations

from collections.abc import Sequence

from shared.engines import registry
from shared.engines.files import HubFile, Listing
from shared.errors import ModelError
from shared.models.source import HubSource


def choose_files(source: HubSource, files: Sequence[HubFile], engine: str | None = None) -> list[HubFile]:
    """The files to fetch for ``source``, the one that the engine opens first; ``engine`` leaves out all others.

    Raises:
        ModelError: no engine finds a model.
    """
    listing = Listing(source.repo, files, source.pattern)
    for spec in registry.ENGINES:
        chosen = spec.choose(listing) if engine in (None, spec.name) else []
        if chosen:
            return chosen
    if source.pattern:
        raise ModelError(f"no model file of hub repository {source.repo} fits {source.pattern!r}; {_some_names(files)}")
    raise ModelError(f"hub repository {source.repo} holds no model that can be served; {_some_names(files)}")


def _some_names(files: Sequence[HubFile]) -> str:
    names = [file.path for file in files if not file.path.startswith(".")]
    return f"it has {', '.join(names[:6])}{', ...' if len(names) > 6 else ''}" if names else "it has no files"
