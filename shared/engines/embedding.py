"""Models that give vectors or scores instead of text, as GGUF files: encoders, and decoders that are made for it."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path

from shared.engines.files import Candidate, ModelFiles
from shared.engines.gguf_files import choose_gguf, read_gguf
from shared.engines.llama import LLAMA
from shared.engines.spec import EngineSpec
from shared.errors import ModelError
from shared.kinds import JobKind

ENCODERS = frozenset(
    {
        "bert",
        "modern-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "neo-bert",
        "jina-bert-v2",
        "jina-bert-v3",
        "eurobert",
        "gemma-embedding",
        "llama-embed",
    }
)
"""Architectures that read a text in both directions, and generate none."""


class Pooling(StrEnum):
    """How a model's vectors of the tokens become the vector of a text.

    ``RANK`` gives scores instead: of a classifier in the file or, without one, by how likely the next word is "yes".
    """

    MEAN = "mean"
    CLS = "cls"
    LAST = "last"
    RANK = "rank"


POOLING_CODES = {1: Pooling.MEAN, 2: Pooling.CLS, 3: Pooling.LAST, 4: Pooling.RANK}
"""Values of ``ARCHITECTURE.pooling_type`` in GGUF, which are llama.cpp's. 0 is none."""

_CLASSIFIER = frozenset({"cls.weight", "cls.output.weight"})
_RERANKER = re.compile(r"re-?rank", re.IGNORECASE)


def has_classifier(candidate: Candidate) -> bool:
    """Whether the model's file has a classifier's weights, as those of rerankers have."""
    return bool(candidate.tensor_names & _CLASSIFIER)


def pooling_of(candidate: Candidate) -> Pooling | None:
    """How the model pools by its file; None for a text model."""
    header = candidate.header
    if header is None or header.architecture is None:
        return None
    if has_classifier(candidate):
        return Pooling.RANK
    code = header.metadata.get(f"{header.architecture}.pooling_type")
    stated = POOLING_CODES.get(code) if isinstance(code, int) else None
    if stated is not None:
        return stated
    if header.architecture in ENCODERS:
        return Pooling.MEAN
    names = (candidate.path.name, header.metadata.get("general.name"))
    return Pooling.RANK if any(isinstance(name, str) and _RERANKER.search(name) for name in names) else None


def as_asked(
    engine: str, kinds: tuple[JobKind, ...], path: Path, pooling: str, embeddings: bool
) -> tuple[str, tuple[JobKind, ...]]:
    """The engine and the kinds of job of a recognised model with the options ``pooling`` and ``embeddings``.

    Raises:
        ModelError: scores are asked of an encoder without a classifier.
    """
    if engine == EMBEDDING.name and pooling:
        if pooling == Pooling.RANK and not _can_rank(read_gguf(path)):
            expected = f"mean, cls or last for {path.name}, an encoder without a classifier"
            raise ModelError(f"pooling: expected {expected}, got {pooling!r}")
        return engine, (_kind(Pooling(pooling)),)
    if engine == LLAMA.name and embeddings and pooling_of(read_gguf(path)) is None:
        return EMBEDDING.name, (JobKind.TEXT, _kind(Pooling(pooling or Pooling.LAST)))
    return engine, kinds


def _recognise(candidate: Candidate) -> ModelFiles | None:
    pooling = pooling_of(candidate)
    return None if pooling is None else ModelFiles(candidate.path, EMBEDDING.name, (_kind(pooling),))


def _can_rank(candidate: Candidate) -> bool:
    """Whether the model gives scores: by its classifier, or by the next word, which an encoder does not have."""
    return has_classifier(candidate) or candidate.header is None or candidate.header.architecture not in ENCODERS


def _kind(pooling: Pooling) -> JobKind:
    return JobKind.RERANK if pooling is Pooling.RANK else JobKind.EMBEDDING


EMBEDDING = EngineSpec(
    name="embedding",
    kinds=(JobKind.EMBEDDING, JobKind.RERANK, JobKind.TEXT),
    factory="workers.embedding.gguf.factory:create",
    recognise=_recognise,
    choose=choose_gguf,
    can_split=True,
)
