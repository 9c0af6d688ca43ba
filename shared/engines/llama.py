"""llama.cpp: text models as GGUF files."""

from __future__ import annotations

from shared.engines.files import Candidate, ModelFiles
from shared.engines.gguf_files import choose_gguf
from shared.engines.spec import EngineSpec
from shared.errors import ModelError
from shared.kinds import JobKind

_OTHER_ARCHITECTURES = {
    "whisper": "a Whisper model as GGUF; speech models are CTranslate2 folders (model.bin and config.json)",
    "wavtokenizer-dec": "an audio decoder, a part of a speech synthesizer",
    "t5": "an encoder-decoder model; text models have a decoder only",
    "t5encoder": "a text encoder, which generates no text",
}
"""Architectures of GGUF files that are not text models, and what such a file is."""


def _recognise(candidate: Candidate) -> ModelFiles | None:
    if candidate.header is None:
        return None
    architecture, name = candidate.header.architecture, candidate.path.name
    if architecture is None:
        raise ModelError(f"{name}: expected a GGUF file that names its architecture, got none (general.architecture)")
    if architecture in _OTHER_ARCHITECTURES:
        raise ModelError(f"{name}: expected a text or image model, got {_OTHER_ARCHITECTURES[architecture]}")
    return ModelFiles(candidate.path, LLAMA.name, LLAMA.kinds)


LLAMA = EngineSpec(
    name="llama",
    kinds=(JobKind.TEXT,),
    factory="workers.llama.factory:create",
    opens="a GGUF file",
    recognise=_recognise,
    choose=choose_gguf,
    can_split=True,
)
