"""The projector of a model on this machine: the one that is named, or the one that lies beside it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.engines.llama import LLAMA
from shared.errors import ModelError
from shared.gguf.header import GGUFHeader, read_gguf_header
from shared.gguf.kind import is_projector_file
from shared.kinds import JobKind
from shared.models.projectors.header import ProjectorFile, bits_of, embedding_length, read_projector
from shared.models.projectors.names import NamesBeside, bits_by_name, named_projector, nearest, of_model
from shared.wire.jobs import MediaKind

NO_PROJECTOR = "none"
"""The value of the option ``mmproj`` that leaves out a model's projector: it then takes text only."""


@dataclass(frozen=True, slots=True)
class ModelProjector:
    """The projector of a model, if it has one. ``refusal`` says, in one line, why one that lies there is not used."""

    path: Path | None = None
    media: tuple[MediaKind, ...] = ()
    refusal: str = ""


NONE = ModelProjector()
"""A model that takes text only."""


def projector_beside(model: Path) -> ModelProjector:
    """The projector in the folder of a model in GGUF. What cannot be read there is left out."""
    try:
        names = sorted(file.name for file in model.parent.glob("[!.]*") if file.suffix.lower() == ".gguf")
        return choose_projector(model, [model.parent / name for name in NamesBeside(names).of(model.name)])
    except (ModelError, OSError):
        return NONE


def choose_projector(model: Path, files: Sequence[Path]) -> ModelProjector:
    """The projector of a model in GGUF among ``files``, of the precision nearest to its own from above.

    Raises:
        ModelError: the model's file is damaged.
        OSError: it cannot be read.
    """
    sorted_out = [(file, _is_projector(file)) for file in files]
    paths = {file.name: file for file, found in sorted_out if found}
    named = of_model(model.name, list(paths), [file.name for file, found in sorted_out if not found])
    if not named:
        return NONE
    header = read_gguf_header(model)
    read = [_read(paths[name], header) for name in named]
    projectors = [file for file in read if isinstance(file, ProjectorFile)]
    if not projectors:
        return ModelProjector(refusal=next(str(error) for error in read))
    wanted = bits_by_name(model.name) or bits_of(header)
    best = nearest(projectors, lambda file: bits_by_name(file.path.name) or file.bits, _name, wanted)
    return ModelProjector(best.path, best.media)


def projector_to_use(
    mmproj: str, engine: str, kinds: Collection[JobKind], found: ModelProjector, model: Path
) -> ModelProjector:
    """The projector that a model is served with, by its option ``mmproj``: a path, ``none``, or empty for ``found``.

    Only text models in GGUF have one; for others the option says nothing.

    Raises:
        ModelError: the file that is named is no projector, or one for models of another width.
    """
    if engine != LLAMA.name or JobKind.TEXT not in kinds or mmproj == NO_PROJECTOR:
        return NONE
    if not mmproj:
        return found
    try:
        projector = read_projector(Path(mmproj))
        projector.check_fits(embedding_length(read_gguf_header(model)))
    except OSError as error:
        raise ModelError(f"{mmproj}: cannot be read: {error.strerror or error}") from None
    return ModelProjector(projector.path, projector.media)


def _read(path: Path, model: GGUFHeader) -> ProjectorFile | ModelError:
    """A projector that fits the model, or why it does not."""
    try:
        projector = read_projector(path)
        projector.check_fits(embedding_length(model))
    except ModelError as error:
        return error
    except OSError as error:
        return ModelError(f"{path.name}: cannot be read: {error.strerror or error}")
    return projector


def _is_projector(path: Path) -> bool:
    if named_projector(path.name):
        return True
    try:
        return path.is_file() and is_projector_file(path)
    except (ModelError, OSError):
        return False


def _name(projector: ProjectorFile) -> str:
    return projector.path.name
