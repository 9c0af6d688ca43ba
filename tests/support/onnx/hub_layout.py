"""A model of onnxruntime-genai, in the layout that the hub has for transformers.js."""

from __future__ import annotations

import json
from pathlib import Path

from workers.onnx.text.decoding.layout import CONFIG


def in_hub_layout(source: Path, folder: Path) -> Path:
    """Fill ``folder`` with links to a folder's files, and with the settings that it would have. Returns the graph."""
    model = json.loads((source / CONFIG).read_text())["model"]
    decoder = model["decoder"]
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": model["type"],
        "max_position_embeddings": model["context_length"],
        "hidden_size": decoder["hidden_size"],
        "num_hidden_layers": decoder["num_hidden_layers"],
        "num_attention_heads": decoder["num_attention_heads"],
        "num_key_value_heads": decoder["num_key_value_heads"],
        "vocab_size": model["vocab_size"],
    }
    (folder / "onnx").mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": model["eos_token_id"]}))
    for file in source.iterdir():
        if file.name != CONFIG:
            (folder / ("onnx" if file.name.startswith("model.onnx") else "") / file.name).symlink_to(file)
    return folder / "onnx" / "model.onnx"
