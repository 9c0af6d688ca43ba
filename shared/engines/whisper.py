"""faster-whisper: speech models as folders in CTranslate2's format."""

from __future__ import annotations

from fnmatch import fnmatchcase

from shared.engines.files import Candidate, HubFile, Listing, ModelFiles
from shared.engines.spec import EngineSpec
from shared.kinds import JobKind

_REQUIRED = frozenset({"model.bin", "config.json"})
_FILES = ("config.json", "model.bin", "preprocessor_config.json", "tokenizer.json", "vocabulary.*")


def _recognise(candidate: Candidate) -> ModelFiles | None:
    folder = candidate.path
    if not all((folder / name).is_file() for name in _REQUIRED):
        return None
    return ModelFiles(folder, WHISPER.name, WHISPER.kinds)


def _choose(listing: Listing) -> list[HubFile]:
    names = {file.path for file in listing.files}
    if listing.pattern or not names >= _REQUIRED:
        return []
    chosen = [file for file in listing.files if any(fnmatchcase(file.path, pattern) for pattern in _FILES)]
    return sorted(chosen, key=lambda file: (file.path != "model.bin", file.path))


WHISPER = EngineSpec(
    name="whisper",
    kinds=(JobKind.SPEECH,),
    factory="workers.whisper.factory:create",
    extra="speech",
    module="faster_whisper",
    opens="a CTranslate2 Whisper folder (model.bin and config.json)",
    recognise=_recognise,
    choose=_choose,
)
