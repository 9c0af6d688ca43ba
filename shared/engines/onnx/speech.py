"""Whisper in ONNX: folders with an encoder, a decoder, a tokenizer and their settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

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

ENCODER = "encoder_model"
DECODER = "decoder_model_merged"

FIRST, NEXT = "decoder_model", "decoder_with_past_model"
"""The decoder as two graphs: without caches, and with them."""

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Decoders(Generic[P]):
    """A decoder's graphs: ``first`` of the first tokens; ``next`` of further ones, None if ``first`` is for all."""

    first: P
    next: P | None = None


def decoders_of(encoder: Path) -> Decoders[Path] | None:
    """The decoder beside an encoder: of the same variant, else of the preferred one."""
    root = root_of(encoder)
    found = _decoders(graphs_in(root, DECODER), graphs_in(root, FIRST), graphs_in(root, NEXT))
    return found.get(variant_of(encoder.name, ENCODER) or "") or next(iter(found.values()), None)


def _decoders(merged: Mapping[str, P], first: Mapping[str, P], further: Mapping[str, P]) -> dict[str, Decoders[P]]:
    """Whole decoders by variant, the preferred one first."""
    pairs = {variant: Decoders(graph, further[variant]) for variant, graph in first.items() if variant in further}
    return {variant: Decoders(graph) for variant, graph in merged.items()} | {
        variant: pair for variant, pair in pairs.items() if variant not in merged
    }


def _recognise(candidate: Candidate) -> ModelFiles | None:
    root = root_of(candidate.path)
    encoders = graphs_in(root, ENCODER)
    named = candidate.path if candidate.path.suffix.lower() == GRAPH_SUFFIX else None
    encoder = named if named and variant_of(named.name, ENCODER) is not None else next(iter(encoders.values()), None)
    if encoder is None:
        return None
    missing = [name for name in SETTINGS if not (root / name).is_file()]
    if decoders_of(encoder) is None:
        missing.append(f"{DECODER}.onnx")
    if missing:
        raise ModelError(f"{root}: expected a speech model with {', '.join(missing)}, got none")
    kind = read_json(root / "config.json").get("model_type")
    if kind != "whisper":
        raise ModelError(f"{root}: expected a Whisper model, got one of model_type {kind!r}")
    return ModelFiles(encoder, ONNX_SPEECH.name, ONNX_SPEECH.kinds)


def _choose(listing: Listing) -> list[HubFile]:
    names = [file.path for file in listing.files]
    encoders = variants_of(names, ENCODER)
    decoders = _decoders(*(variants_of(names, stem) for stem in (DECODER, FIRST, NEXT)))
    pairs = {variant: path for variant, path in encoders.items() if variant in decoders}
    encoder = with_variant(listing, pairs)
    if encoder is None:
        return []
    check_settings(listing)
    decoder = decoders[variant_of(encoder, ENCODER) or ""]
    graphs = [graph for graph in (encoder, decoder.first, decoder.next) if graph is not None]
    return [*settings_files(listing.files), *(file for graph in graphs for file in with_weights(listing, graph))]


ONNX_SPEECH = EngineSpec(
    name="onnx-speech",
    kinds=(JobKind.SPEECH,),
    factory="workers.onnx.speech.factory:create",
    extra=EXTRA,
    module=MODULE,
    opens=f"a Whisper folder ({ENCODER}.onnx, {DECODER}.onnx, config.json, tokenizer.json)",
    onnx=True,
    recognise=_recognise,
    choose=_choose,
)
