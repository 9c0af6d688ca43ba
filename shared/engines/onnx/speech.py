"""Whisper in ONNX: folders with an encoder, a decoder, a tokenizer and their settings."""

from __future__ import annotations

from shared.engines.files import Candidate, HubFile, Listing, ModelFiles
from shared.engines.onnx.folders import (
    EXTRA,
    GRAPH_SUFFIX,
    MODULE,
    graphs_in,
    read_json,
    root_of,
    settings_files,
    sibling,
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

_REQUIRED = ("config.json", "tokenizer.json")


def _recognise(candidate: Candidate) -> ModelFiles | None:
    root = root_of(candidate.path)
    encoders = graphs_in(root, ENCODER)
    named = candidate.path if candidate.path.suffix.lower() == GRAPH_SUFFIX else None
    encoder = named if named and variant_of(named.name, ENCODER) is not None else next(iter(encoders.values()), None)
    if encoder is None:
        return None
    missing = [name for name in _REQUIRED if not (root / name).is_file()]
    if sibling(encoder, ENCODER, DECODER) is None:
        missing.append(f"{DECODER}.onnx")
    if missing:
        raise ModelError(f"{root}: expected a speech model with {', '.join(missing)}, got none")
    kind = read_json(root / "config.json").get("model_type")
    if kind != "whisper":
        raise ModelError(f"{root}: expected a Whisper model, got one of model_type {kind!r}")
    return ModelFiles(encoder, ONNX_SPEECH.name, ONNX_SPEECH.kinds)


def _choose(listing: Listing) -> list[HubFile]:
    names = [file.path for file in listing.files]
    encoders, decoders = variants_of(names, ENCODER), variants_of(names, DECODER)
    pairs = {variant: path for variant, path in encoders.items() if variant in decoders}
    encoder = with_variant(listing, pairs)
    if encoder is None:
        return []
    decoder = decoders[variant_of(encoder, ENCODER) or ""]
    return [*settings_files(listing.files), *with_weights(listing, encoder), *with_weights(listing, decoder)]


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
