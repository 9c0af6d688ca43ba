"""Folders of ONNX models in the layouts in which they are published: files that say what they are, no weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

WHISPER = {
    "config.json": {"model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"]},
    "tokenizer.json": {},
    "generation_config.json": {},
    "onnx/encoder_model.onnx": "",
    "onnx/decoder_model_merged.onnx": "",
    "onnx/encoder_model_q4.onnx": "",
    "onnx/decoder_model_merged_q4.onnx": "",
}
ENCODER = {
    "config.json": {"model_type": "bert", "architectures": ["BertModel"]},
    "tokenizer.json": {},
    "onnx/model.onnx": "",
    "onnx/model_quantized.onnx": "",
}
RERANKER = {
    "config.json": {"model_type": "xlm-roberta", "architectures": ["XLMRobertaForSequenceClassification"]},
    "tokenizer.json": {},
    "model.onnx": "",
}
TEXT = {
    "genai_config.json": {"model": {"type": "llama"}},
    "model.onnx": "",
    "model.onnx.data": "",
    "tokenizer.json": {},
}
HUB_TEXT = {
    "config.json": {"model_type": "llama", "architectures": ["LlamaForCausalLM"]},
    "generation_config.json": {},
    "tokenizer.json": {},
    "onnx/model.onnx": "",
    "onnx/model.onnx_data": "",
    "onnx/model_q4.onnx": "",
    "onnx/model_q4f16.onnx": "",
    "onnx/model_quantized.onnx": "",
}
DIFFUSION = {
    "model_index.json": {"_class_name": "OnnxStableDiffusionPipeline"},
    "scheduler/scheduler_config.json": {},
    "text_encoder/model.onnx": "",
    "tokenizer/vocab.json": {},
    "unet/model.onnx": "",
    "unet/model.onnx_data": "",
    "vae_decoder/model.onnx": "",
}


def make_folder(folder: Path, files: Mapping[str, object]) -> Path:
    """Write ``files`` into ``folder``: texts as they are, everything else as JSON. Returns the folder."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder
