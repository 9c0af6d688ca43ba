"""Models that other programs have fetched, or that lie in the operator's folders, by the names that users know."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from router.jobs.served import find_named, named_like
from shared.discovery.discovery import Discovery, WhereToLook
from shared.discovery.found import FoundModel
from shared.errors import ModelError
from shared.logs.escaping import escaped
from shared.settings import ModelSettings


class ModelsElsewhere:
    """They are looked for once, when a name needs it. With ``foreign``, those of other programs too."""

    def __init__(self, folders: Sequence[Path] = (), foreign: bool = True) -> None:
        self._where = WhereToLook(tuple(folders), own=False, foreign=foreign)

    @cached_property
    def _found(self) -> dict[str, FoundModel]:
        return {model.name: model for model in Discovery(self._where).scan().models}

    @cached_property
    def _models(self) -> list[ModelSettings]:
        return [
            ModelSettings(
                name=model.name,
                kinds=model.kinds,
                engine=model.engine,
                path=str(model.path),
                aliases=model.aliases,
                known_as=model.known_as,
            )
            for model in self._found.values()
        ]

    def find(self, spec: str) -> FoundModel | None:
        """The model that a user means; says on stderr where it is. None if there is none, or more than one."""
        meant = find_named(self._models, spec)
        if meant is None:
            return None
        found = self._found[meant.name]
        print(f"nexa: {escaped(spec)} is here ({found.source}): {escaped(str(found.path))}", file=sys.stderr)
        return found

    def check_single(self, spec: str) -> None:
        """Raise :class:`ModelError` if a name could mean several models."""
        names = named_like(self._models, spec)
        if len(names) > 1:
            raise ModelError(f"model: expected the name of one model, got {spec!r}, which could be {', '.join(names)}")
