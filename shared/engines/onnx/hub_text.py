"""Text models in ONNX as the hub has them, for transformers.js and optimum: a decoder's graph, settings, a tokenizer.

Unlike other models, they are preferred in 4 bits: a step of a text reads all weights, and in 32 bits these are eight
times as many. Those with 16-bit numbers come last, as a CPU computes few of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from shared.engines.files import HubFile, Listing
from shared.engines.onnx.folders import (
    GRAPH_SUFFIX,
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
from shared.errors import ModelError

STEMS = ("model", "decoder_model_merged")

_OTHER_PARTS = ("encoder_model", "embed_tokens", "vision_encoder", "audio_encoder")
"""Graphs beside those of models that need more than a decoder."""

_TEXT = ("ForCausalLM", "LMHeadModel")
_VARIANTS = ("q4", "quantized", "q8", "int8", "uint8", "", "fp32", "bnb4", "q4f16", "fp16")
_GENERATION = "generation_config.json"

P = TypeVar("P")


def find_graph(path: Path) -> Path | None:
    """The graph of a text model: the file itself, or the preferred one of a folder. None if it is no text model.

    Raises:
        ModelError: files of the model are missing or damaged.
    """
    root = root_of(path)
    named = path if path.suffix.lower() == GRAPH_SUFFIX else None
    graphs = _preferred([graphs_in(root, stem) for stem in STEMS])
    graph = named if named is not None and _is_graph(named.name) else next(iter(graphs.values()), None)
    if graph is None or (named is not None and graph != named) or not _is_decoder(root):
        return None
    missing = [name for name in SETTINGS if not (root / name).is_file()]
    if missing:
        raise ModelError(f"{root}: expected {' and '.join(missing)} beside the ONNX model, got none")
    return graph


def choose(listing: Listing) -> list[HubFile]:
    """The files of a text model in a repository; none if it has no such model, or the pattern names none.

    Raises:
        ModelError: it lacks files that every such model has.
    """
    names = {file.path for file in listing.files}
    is_text = _GENERATION in names and names.isdisjoint(SENTENCE_FILES)
    if not is_text or any(variants_of(names, stem) for stem in _OTHER_PARTS):
        return []
    graph = with_variant(listing, _preferred([variants_of(names, stem) for stem in STEMS]))
    if graph is None:
        return []
    check_settings(listing)
    return [*settings_files(listing.files), *with_weights(listing, graph)]


def _is_graph(name: str) -> bool:
    return any(variant_of(name, stem) is not None for stem in STEMS)


def _is_decoder(root: Path) -> bool:
    """Whether a folder's settings are those of a decoder that writes text, and it is all that the model has."""
    config = read_json(root / "config.json")
    is_whole = not any(graphs_in(root, stem) for stem in _OTHER_PARTS)
    return has_architecture(config, *_TEXT) and is_whole and not is_for_vectors(root)


def _preferred(graphs: Iterable[Mapping[str, P]]) -> dict[str, P]:
    """The graphs by variant, the preferred one first; those of an earlier mapping before those of a later one."""
    found: dict[str, P] = {}
    for given in graphs:
        found = {**given, **found}
    return dict(sorted(found.items(), key=lambda item: (_rank(item[0]), item[0])))


def _rank(variant: str) -> int:
    return _VARIANTS.index(variant) if variant in _VARIANTS else len(_VARIANTS)
