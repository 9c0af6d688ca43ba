"""Names for the models that are found: each its own, and the same one as long as the server runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from shared.discovery.found import FoundModel
from shared.engines.registry import opens_onnx
from shared.models.names import ONNX_ENDING

MAX_NAME_CHARACTERS = 200


def clean_name(name: str) -> str:
    """A name that can be typed and sent: what is not printable, and bytes that are no text, become ``_``."""
    cleaned = "".join(char if char.isprintable() else "_" for char in name).strip()
    return cleaned[:MAX_NAME_CHARACTERS] or "model"


class NameKeeper:
    """Gives names that no other model has. ``given`` are names by path that earlier looks gave."""

    def __init__(self, given: Mapping[Path, str] | None = None) -> None:
        self._given = dict(given or {})

    def name(self, models: Sequence[FoundModel], taken: Collection[str]) -> list[FoundModel]:
        """The models with names that are neither ``taken`` nor another's; the first one of equal names keeps it.

        A model keeps the name that it got before. An ONNX model that has the name of another one gets ``-onnx`` after
        it, and one of another program that program's name. Names still equal get ``-2``, ``-3``, … Aliases that are
        another's name are left out.
        """
        used = set(taken)
        names: dict[Path, str] = {}
        for model in models:
            kept = self._given.get(model.path)
            if kept is not None and kept not in used:
                names[model.path] = kept
                used.add(kept)
        rest = sorted((m for m in models if m.path not in names), key=lambda model: opens_onnx(model.engine))
        wanted = {model.name for model in rest}
        for model in rest:
            name = next(n for n in _names_for(model) if n not in used and (n == model.name or n not in wanted))
            names[model.path] = name
            used.add(name)
        self._given = names
        return [_with_names(model, names[model.path], used) for model in models]


def _with_names(model: FoundModel, name: str, used: set[str]) -> FoundModel:
    aliases = []
    for alias in model.aliases:
        if alias not in used:
            used.add(alias)
            aliases.append(alias)
    return replace(model, name=name, aliases=tuple(aliases))


def _names_for(model: FoundModel) -> Iterator[str]:
    yield model.name
    stem = model.name
    if opens_onnx(model.engine):
        stem = f"{stem}{ONNX_ENDING}"
        yield stem
    if model.source.is_foreign:
        stem = f"{stem}-{model.source.ending}"
        yield stem
    yield from (f"{stem}-{number}" for number in count(2))
