"""A model in the store, and the file that describes it there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.models.names import split_mark
from shared.models.recognition import inspect_model
from shared.models.resolution import ResolvedModel, resolved
from shared.models.source import is_safe_relative

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A complete model in the store. ``files`` are paths in ``folder / "files"``, starting with the one to open."""

    name: str
    source: str
    commit: str
    licence: str
    files: tuple[str, ...]
    size_bytes: int
    folder: Path

    @property
    def path(self) -> Path:
        """The file to recognise the model by, or its folder if it has several files."""
        first = self.folder / "files" / self.files[0]
        return first if len(self.files) == 1 else first.parent

    @property
    def onnx(self) -> bool:
        """Whether it was fetched as an ONNX model."""
        return split_mark(self.source)[0]

    def resolve(self) -> ResolvedModel:
        """Recognise its files."""
        return resolved(inspect_model(self.path, self.onnx), self.name, self.licence, self.source)


def write_manifest(model: InstalledModel) -> None:
    """Write the manifest of ``model``, which marks it as complete."""
    values = asdict(model)
    del values["folder"]
    draft = model.folder / f"{MANIFEST}.part"
    draft.write_text(json.dumps(values, indent=1))
    draft.replace(model.folder / MANIFEST)


def read_manifest(folder: Path) -> InstalledModel | None:
    """The model in ``folder``; None if the manifest is missing or damaged, or lists a file that is not there."""
    try:
        values = json.loads((folder / MANIFEST).read_text())
        model = InstalledModel(**{**values, "files": tuple(values["files"]), "folder": folder})
    except (OSError, ValueError, TypeError, KeyError):
        return None
    files = folder / "files"
    complete = model.files and all(is_safe_relative(file) and (files / file).is_file() for file in model.files)
    return model if complete else None
