"""Models in ONNX that give vectors or scores instead of text: folders with a model, a tokenizer and their settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.engines.embedding import Pooling
from shared.engines.files import Candidate, HubFile, Listing, ModelFiles
from shared.engines.onnx.folders import (
    EXTRA,
    GRAPH_SUFFIX,
    MODULE,
    SETTINGS,
    check_settings,
    graphs_in,
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

_OF_SENTENCES = (
    "1_Pooling/config.json",
    "config_sentence_transformers.json",
    "modules.json",
    "sentence_bert_config.json",
)
"""Files of sentence-transformers, which models have that are made for vectors."""

_GENERATES = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")
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
    if _generates(config, root):
        raise ModelError(
            f"{root}: expected a text model as an onnxruntime-genai folder (genai_config.json), got one without it"
        )
    kind = JobKind.RERANK if _has(config, _SCORES) else JobKind.EMBEDDING
    return ModelFiles(graph, ONNX_EMBEDDING.name, (kind,))


def _generates(config: dict[str, Any], root: Path) -> bool:
    return _has(config, *_GENERATES) and not any((root / name).is_file() for name in _OF_SENTENCES)


def _has(config: dict[str, Any], *ends: str) -> bool:
    architectures = config.get("architectures")
    return isinstance(architectures, list) and any(
        isinstance(name, str) and name.endswith(ends) for name in architectures
    )


def _choose(listing: Listing) -> list[HubFile]:
    names = {file.path for file in listing.files}
    graph = with_variant(listing, variants_of(names, MODEL))
    if graph is None:
        return []
    if "generation_config.json" in names and not names.intersection(_OF_SENTENCES):
        raise ModelError(
            f"hf:{listing.repo}: expected a text model in onnxruntime-genai's form, got one without genai_config.json"
        )
    check_settings(listing)
    extra = [file for file in listing.files if file.path in _OF_SENTENCES]
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
