"""The shapes of models: as large, and built, as those that people run."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape. ``architecture`` is llama.cpp's name.

    ``window`` is that of layers with a sliding window, in tokens. The layers of ``attention_every`` have attention, the
    others a recurrent state. ``experts`` are those of a layer, of which ``used`` compute a token. A vocabulary that is
    smaller than ``vocabulary_size`` gets unused tokens. The hidden state of a token begins with the same ``core``
    values in all models of that core and vocabulary, and the next token is read from them; ``layer_scale`` is how much
    a layer changes them. So a small model often draws what a large one does.
    """

    architecture: str
    width: int
    layers: int
    feed_forward: int
    heads: int = 0
    kv_heads: int = 0
    head_size: int = 0
    window: int = 0
    attention_every: int = 1
    experts: int = 0
    used: int = 0
    vocabulary_size: int = 0
    core: int = 256
    layer_scale: float = 0.1
    context_tokens: int = 40_960

    @property
    def head(self) -> int:
        """The size of an attention head."""
        return self.head_size or self.width // self.heads

    def tiny(self) -> Shape:
        """The same family in a few megabytes."""
        has_heads, has_experts = bool(self.heads), bool(self.experts)
        return replace(
            self,
            width=128,
            layers=4,
            feed_forward=256,
            heads=4 * has_heads,
            kv_heads=2 * has_heads,
            head_size=32 * has_heads,
            window=min(self.window, 64),
            experts=4 * has_experts,
            used=2 * has_experts,
            vocabulary_size=0,
            core=64,
        )


LLAMA_1B = Shape("llama", 2048, 16, 8192, heads=32, kv_heads=8)
QWEN3 = Shape("qwen3", 2048, 20, 6144, heads=16, kv_heads=8, head_size=128, vocabulary_size=151_936)
GEMMA3 = Shape("gemma3", 1152, 26, 6912, heads=4, kv_heads=1, head_size=256, window=512)
LFM2 = Shape("lfm2", 2048, 16, 8192, heads=32, kv_heads=8, attention_every=3)
MAMBA = Shape("mamba", 2048, 32, 0)
MOE = Shape("qwen3moe", 1024, 16, 512, heads=16, kv_heads=4, head_size=64, experts=32, used=4)

SHAPES = {
    "1b": LLAMA_1B,
    "3b": replace(LLAMA_1B, width=3072, layers=28, heads=24),
    "100m": Shape("llama", 512, 8, 1536, heads=8, kv_heads=4),
    "qwen3": QWEN3,
    "swa": GEMMA3,
    "hybrid": LFM2,
    "recurrent": MAMBA,
    "moe": MOE,
}
"""By name. ``100m`` is a draft for ``1b``. Each has a tiny size too."""

TINY = "tiny-"


def shape_of(name: str) -> Shape:
    """A shape by its name, as in ``1b`` or ``tiny-hybrid``.

    Raises:
        ValueError: there is none.
    """
    shape = SHAPES.get(name.removeprefix(TINY))
    if shape is None:
        raise ValueError(f"shape: expected one of {', '.join(SHAPES)}, or tiny- and one of these, got {name}")
    return shape.tiny() if name.startswith(TINY) else shape
