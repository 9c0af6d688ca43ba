"""A machine to look for models on: a folder of models, and homes of other programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shared.discovery.discovery import Discovery, WhereToLook
from shared.discovery.found import FoundModels
from shared.discovery.other_programs import ForeignFolders
from shared.hub.store import ModelStore
from tests.support.models.foreign_stores import LONG_AGO_S
from tests.support.models.gguf_builder import build_gguf

MODEL = build_gguf(tensors=[("t", (64, 64))])


@dataclass
class SearchedMachine:
    """Folders that may be filled, and the clock of the discovery."""

    root: Path
    now_s: float = LONG_AGO_S + 1000.0
    where: WhereToLook = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.where = WhereToLook((self.folder,), own=False)

    @property
    def folder(self) -> Path:
        return self.root / "models"

    @property
    def ollama(self) -> Path:
        return self.root / "ollama"

    @property
    def lm_studio(self) -> Path:
        return self.root / "lmstudio"

    @property
    def cache(self) -> Path:
        return self.root / "hub"

    def discovery(self, given: Mapping[Path, str] | None = None) -> Discovery:
        others = ForeignFolders((self.ollama,), (self.lm_studio,), (self.cache,))
        return Discovery(self.where, ModelStore(self.root / "store"), others, given, clock=lambda: self.now_s)

    def scan(self) -> FoundModels:
        return self.discovery().scan()


def names(found: FoundModels) -> list[str]:
    return [model.name for model in found.models]
