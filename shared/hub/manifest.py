"""A model in the store, and the file that describes it there."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.models.names import split_mark
from shared.models.projectors.choice import NONE, choose_projector
from shared.models.recognition import inspect_model
from shared.models.resolution import ResolvedModel, resolved
from shared.models.source import is_safe_relative

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A complete model in the store. ``files`` are paths in ``folder / "files"``, starting with the one to open.

    ``projector`` is such a path too, empty if its repository has none; None if it was not fetched with the model. One
    that ``is_part`` was only fetched as a part of image models, and is not served by itself.
    """

    name: str
    source: str
    commit: str
    licence: str
    files: tuple[str, ...]
    size_bytes: int
    folder: Path
    projector: str | None = None
    is_part: bool = False

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
        files = inspect_model(self.path, self.onnx)
        projector = choose_projector(files.path, self.beside) if self.beside else NONE
        return resolved(files, self.name, self.licence, self.source, projector)

    @property
    def beside(self) -> tuple[Path, ...]:
        """The file of its projector, if it has one that is there."""
        path = self.folder / "files" / (self.projector or "")
        return (path,) if self.projector and is_safe_relative(self.projector) and path.is_file() else ()


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
