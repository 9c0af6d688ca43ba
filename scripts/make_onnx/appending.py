"""``python -m scripts.make_onnx.appending FOLDER GGUF``: tiny text models of random weights in the hub's layout.

Their graphs return keys and values in new tensors, the past before the new ones. ``model.onnx`` is as optimum writes
it today; ``decoder_model_merged.onnx`` has the further inputs of other exports, and gives NaN for what these cannot do.
The words are those of the GGUF file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from scripts.make_gguf.vocabulary import read_vocabulary
from scripts.make_onnx.text.tokenizer import special_token, write_tokenizer

LAYERS, HEADS, KV_HEADS, HEAD_SIZE, WIDTH = 2, 4, 2, 8, 32
CONTEXT = 2048
SEED = 7


class TinyAttention(nn.Module):
    """Causal attention with grouped keys, which rotates by position."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Linear(WIDTH, HEADS * HEAD_SIZE, bias=False)
        self.keys = nn.Linear(WIDTH, KV_HEADS * HEAD_SIZE, bias=False)
        self.values = nn.Linear(WIDTH, KV_HEADS * HEAD_SIZE, bias=False)
        self.out = nn.Linear(HEADS * HEAD_SIZE, WIDTH, bias=False)

    def forward(
        self, states: Tensor, positions: Tensor, mask: Tensor, past_key: Tensor, past_value: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the new states, and all keys and values."""
        queries = _rotated(_split(self.queries(states), HEADS), positions)
        key = torch.cat((past_key, _rotated(_split(self.keys(states), KV_HEADS), positions)), 2)
        value = torch.cat((past_value, _split(self.values(states), KV_HEADS)), 2)
        spread = HEADS // KV_HEADS
        scores = queries @ key.repeat_interleave(spread, 1).transpose(2, 3) * 2 / HEAD_SIZE**0.5
        seen = (scores + mask).softmax(-1) @ value.repeat_interleave(spread, 1)
        return self.out(seen.transpose(1, 2).flatten(2)), key, value


class TinyDecoder(nn.Module):
    """A decoder whose inputs and outputs are those of the hub's graphs."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.words = nn.Embedding(words, WIDTH)
        self.layers = nn.ModuleList(TinyAttention() for _ in range(LAYERS))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(LAYERS + 1))

    def forward(self, tokens: Tensor, mask: Tensor, positions: Tensor, *past: Tensor) -> tuple[Tensor, ...]:
        """Returns the logits, and then keys and values of each layer."""
        states = self.words(tokens)
        count = tokens.shape[1]
        later = torch.ones_like(mask[0])[None] * torch.arange(mask.shape[1])[None] > positions[0][:, None]
        hidden = (later[None, None] | (mask[:, None, None] == 0)) * torch.tensor(-1e9)
        present: list[Tensor] = []
        for number, layer in enumerate(self.layers):
            seen, key, value = layer(self.norms[number](states), positions, hidden, *past[2 * number : 2 * number + 2])
            states = states + seen
            present += [key, value]
        return (self.norms[-1](states[:, -count:]) @ self.words.weight.T, *present)


class TinyMerged(nn.Module):
    """The same with a flag that says whether there is a past, and a number of logits."""

    def __init__(self, decoder: TinyDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(
        self, tokens: Tensor, mask: Tensor, positions: Tensor, has_past: Tensor, count: Tensor, *past: Tensor
    ) -> tuple[Tensor, ...]:
        """Logits are NaN if the flag is wrong, or if several tokens follow others."""
        logits, *present = self.decoder(tokens, mask, positions, *past)
        behind, several = positions[0, 0] > 0, positions[0, -1] > positions[0, 0]
        wrong = (has_past[0] != behind) | (behind & several)
        logits = torch.where(wrong, torch.tensor(float("nan")), logits)
        return (logits[:, -count:], *present)


def main(folder: Path, source: Path) -> None:
    """Fill a folder."""
    torch.manual_seed(SEED)
    vocabulary = read_vocabulary(source)
    decoder = TinyDecoder(len(vocabulary.texts)).eval()
    for layer in decoder.layers:
        for parameter in layer.parameters():
            nn.init.normal_(parameter, std=0.5)
    (folder / "onnx").mkdir()
    write_tokenizer(vocabulary, folder)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "max_position_embeddings": CONTEXT,
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "vocab_size": len(vocabulary.texts),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    ends = {"eos_token_id": special_token(vocabulary, "eos")}
    (folder / "generation_config.json").write_text(json.dumps(ends, indent=2))
    print("writing the graphs")
    _export(decoder, folder / "onnx" / "model.onnx", torch.int64, {})
    further = {"use_cache_branch": torch.tensor([True]), "num_logits_to_keep": torch.tensor(2)}
    _export(TinyMerged(decoder), folder / "onnx" / "decoder_model_merged.onnx", torch.int32, further)


def _export(model: nn.Module, path: Path, ids: torch.dtype, further: dict[str, Tensor]) -> None:
    """Write a graph of two tokens behind three, whose numbers of tokens are free."""
    caches = [f"{layer}.{part}" for layer in range(LAYERS) for part in ("key", "value")]
    inputs = {
        "input_ids": torch.ones((1, 2), dtype=ids),
        "attention_mask": torch.ones((1, 5), dtype=torch.int64),
        "position_ids": torch.tensor([[3, 4]]),
        **further,
        **{f"past_key_values.{cache}": torch.zeros((1, KV_HEADS, 3, HEAD_SIZE)) for cache in caches},
    }
    outputs = ["logits", *(f"present.{cache}" for cache in caches)]
    axes = {
        "input_ids": {0: "batch_size", 1: "sequence_length"},
        "attention_mask": {0: "batch_size", 1: "total_sequence_length"},
        "position_ids": {0: "batch_size", 1: "sequence_length"},
        "logits": {0: "batch_size", 1: "sequence_length"},
        **{f"past_key_values.{cache}": {0: "batch_size", 2: "past_sequence_length"} for cache in caches},
        **{f"present.{cache}": {0: "batch_size", 2: "total_sequence_length"} for cache in caches},
    }
    torch.onnx.export(
        model,
        tuple(inputs.values()),
        str(path),
        input_names=list(inputs),
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )


def _split(states: Tensor, heads: int) -> Tensor:
    return states.unflatten(2, (heads, HEAD_SIZE)).transpose(1, 2)


def _rotated(states: Tensor, positions: Tensor) -> Tensor:
    frequencies = 100.0 ** (-torch.arange(HEAD_SIZE // 2) * 2 / HEAD_SIZE)
    angles = (positions[:, None, :, None] * frequencies).repeat(1, 1, 1, 2)
    half = HEAD_SIZE // 2
    turned = torch.cat((-states[..., half:], states[..., :half]), -1)
    return states * angles.cos() + turned * angles.sin()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
