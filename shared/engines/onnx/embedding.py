"""Models in ONNX that give vectors or scores instead of text: folders with a model, a tokenizer and their settings."""

from __future__ import annotations

from pathlib import Path

from shared.engines.embedding import Pooling
from shared.engines.files import Candidate, HubFile, Listing, ModelFiles
from shared.engines.onnx.folders import (
    EXTRA,
    GRAPH_SUFFIX,
    MODULE,
    SENTENCE_FILES,
    SETTINGS,
    check_settings,
    graphs_in,
    has_architecture,
    is_for_vectors,
    read_json,
    root_of,
    settings_files,
    variant_of,
    variants_of,
    with_variant,
    with_weights,
)
from shared.engines.spec import EngineSpec
from shared.errors import ModelError
from shared.kinds import JobKind

MODEL = "model"

_PARTLY_TEXT = ("ForConditionalGeneration",)
_SCORES = "ForSequenceClassification"


def check_pooling(path: Path, kinds: tuple[JobKind, ...], pooling: str) -> None:
    """Check the option ``pooling`` of a recognised model.

    Raises:
        ModelError: scores are asked of a model without a classifier, or vectors of a classifier.
    """
    if pooling and (pooling == Pooling.RANK) != (JobKind.RERANK in kinds):
        expected = "rank for {}, a classifier" if JobKind.RERANK in kinds else "mean, cls or last for {}, an encoder"
        raise ModelError(f"pooling: expected {expected.format(path.name)}, got {pooling!r}")


def _recognise(candidate: Candidate) -> ModelFiles | None:
    root = root_of(candidate.path)
    named = candidate.path if candidate.path.suffix.lower() == GRAPH_SUFFIX else None
    graph = named or next(iter(graphs_in(root, MODEL).values()), None)
    if graph is None or (named is None and variant_of(graph.name, MODEL) is None):
        return None
    missing = [name for name in SETTINGS if not (root / name).is_file()]
    if missing:
        raise ModelError(f"{root}: expected {' and '.join(missing)} beside the ONNX model, got none")
    config = read_json(root / "config.json")
    if has_architecture(config, *_PARTLY_TEXT) and not is_for_vectors(root):
        raise ModelError(f"{root}: expected a text model without other inputs, got {config['architectures'][0]}")
    kind = JobKind.RERANK if has_architecture(config, _SCORES) else JobKind.EMBEDDING
    return ModelFiles(graph, ONNX_EMBEDDING.name, (kind,))


def _choose(listing: Listing) -> list[HubFile]:
    names = {file.path for file in listing.files}
    graph = with_variant(listing, variants_of(names, MODEL))
    if graph is None:
        return []
    check_settings(listing)
    extra = [file for file in listing.files if file.path in SENTENCE_FILES]
    return [*settings_files(listing.files), *extra, *with_weights(listing, graph)]


ONNX_EMBEDDING = EngineSpec(
    name="onnx-embedding",
    kinds=(JobKind.EMBEDDING, JobKind.RERANK),
    factory="workers.onnx.embedding.factory:create",
    extra=EXTRA,
    module=MODULE,
    opens="an encoder's folder (model.onnx, config.json, tokenizer.json)",
    onnx=True,
    recognise=_recognise,
    choose=_choose,
)
