"""Chooses the files of one model from a hub repository."""

from __future__ import annotations

from collections.abc import Sequence

from shared.engines import registry
from shared.engines.files import HubFile, Listing
from shared.errors import ModelError
from shared.models.source import HubSource


def choose_files(source: HubSource, files: Sequence[HubFile], engine: str | None = None) -> list[HubFile]:
    """The files to fetch for ``source``, starting with the one that the engine opens. ``engine`` allows only that one.

    Raises:
        ModelError: no engine finds a model.
    """
    listing = Listing(source.repo, files, source.pattern)
    for spec in registry.ENGINES:
        chosen = spec.choose(listing) if engine in (None, spec.name) else []
        if chosen:
            return chosen
    expected = f"a model file that matches {source.pattern!r}" if source.pattern else "a model that can be served"
    models = [file for file in files if file.path.lower().endswith(registry.model_suffixes())]
    raise ModelError(
        f"hf:{source.repo}: expected {expected}, got {_some_names((models if source.pattern else []) or files)}"
    )


def _some_names(files: Sequence[HubFile]) -> str:
    names = [file.path for file in files if not file.path.startswith(".")]
    return f"{', '.join(names[:6])}{', ...' if len(names) > 6 else ''}" if names else "no files"
