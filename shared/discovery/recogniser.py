"""Recognises what was sighted, and remembers it: nothing is read again as long as its files stay the same."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

from shared.discovery.file_heads import check_checkpoint, check_whisper
from shared.discovery.sightings import CTRANSLATE2_MODEL, ModelForm, Sighting
from shared.discovery.walking import FileFacts
from shared.distribution import how_to_install
from shared.engines.diffusion.spec import DIFFUSION
from shared.engines.files import ModelFiles
from shared.engines.helper_files import HelperFileError, helper_by_name
from shared.engines.llama import LLAMA
from shared.engines.registry import find_engine
from shared.engines.whisper import WHISPER
from shared.errors import ModelError
from shared.models.projectors.choice import NONE, ModelProjector, choose_projector
from shared.models.resolution import ResolvedModel, resolve_path, resolved
from shared.models.source import MissingPackageError

_Key = tuple[ModelForm, Path, bool]


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a sighting is: a ``model``, or none for a ``reason``, which is empty if nobody needs to be told."""

    model: ResolvedModel | None
    reason: str = ""


class Recogniser:
    """Recognises models by their files, which it reads once. For one thread at a time."""

    def __init__(self) -> None:
        self._known: dict[_Key, tuple[tuple[FileFacts, ...], Recognised]] = {}
        self._projectors: dict[_Key, tuple[tuple[FileFacts, ...], ModelProjector]] = {}
        self._used: set[_Key] = set()

    def recognise(self, sighting: Sighting) -> Recognised:
        """What a sighting is. Reads its files only if they have changed."""
        key = (sighting.form, sighting.path, sighting.onnx)
        self._used.add(key)
        facts, known = self._known.get(key, ((), None))
        if known is None or facts != sighting.files:
            known = _recognise(sighting)
            self._known[key] = (sighting.files, known)
        if known.model is None or known.model.engine != LLAMA.name or not sighting.beside:
            return known
        return replace(known, model=replace(known.model, projector=self._projector(key, known.model, sighting)))

    def _projector(self, key: _Key, model: ResolvedModel, sighting: Sighting) -> ModelProjector:
        """Its projector, which is chosen again if the model or a file beside it has changed."""
        read = (*sighting.files, *sighting.beside)
        facts, known = self._projectors.get(key, ((), NONE))
        if facts != read:
            path = sighting.path if sighting.path.is_file() else model.path
            try:
                known = choose_projector(path, [facts.path for facts in sighting.beside])
            except (ModelError, OSError):
                known = NONE
            self._projectors[key] = (read, known)
        return known

    def forget_unused(self) -> None:
        """Forget what was not asked for since the last call: it is gone."""
        self._known = {key: known for key, known in self._known.items() if key in self._used}
        self._projectors = {key: known for key, known in self._projectors.items() if key in self._used}
        self._used.clear()


def _recognise(sighting: Sighting) -> Recognised:
    try:
        model = _read(sighting)
        require_engine(model.engine)
        return Recognised(model)
    except HelperFileError:
        return Recognised(None)
    except ModelError as error:
        is_helper = sighting.form is ModelForm.GGUF and helper_by_name(sighting.path.name) is not None
        return Recognised(None, "" if is_helper else str(error))
    except OSError as error:
        return Recognised(None, f"cannot be read: {error.strerror or error}")


def _read(sighting: Sighting) -> ResolvedModel:
    path = sighting.path
    match sighting.form:
        case ModelForm.GGUF | ModelForm.ONNX | ModelForm.ANY:
            return resolve_path(path, str(path), sighting.onnx, beside=())
        case ModelForm.CHECKPOINT:
            check_checkpoint(path)
            return resolved(ModelFiles(path, DIFFUSION.name, DIFFUSION.kinds), path.stem, "", str(path))
        case ModelForm.CTRANSLATE2:
            check_whisper(path / CTRANSLATE2_MODEL)
            return resolved(ModelFiles(path, WHISPER.name, WHISPER.kinds), path.name, "", str(path))
        case ModelForm.TRANSFORMERS:
            expected = "expected a model in GGUF, ONNX or CTranslate2's format"
            raise ModelError(f"{path.name}: {expected}, got one for transformers or vLLM")
        case other:
            assert_never(other)


def require_engine(name: str) -> None:
    """Raise :class:`ModelError` unless the packages of an engine are installed."""
    engine = find_engine(name)
    if engine is not None and engine.module and importlib.util.find_spec(engine.module) is None:
        raise MissingPackageError(f"needs packages that are not installed: {how_to_install(engine.extra)}")
