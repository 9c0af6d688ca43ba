"""The options of llama.cpp: where a model's weights and its KV cache are, and what each of them costs."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict

from shared.settings.option import Group, Option
from shared.settings.values import Choice, OptionalChoice, Proportions, Real, Switch, Whole

FLOAT_CACHE_TYPES = ("f16", "bf16", "f32")
CACHE_TYPES = (*FLOAT_CACHE_TYPES, "q8_0", "q5_1", "q5_0", "q4_1", "q4_0")
SPLIT_MODES = ("layer", "row", "none")
ROPE_SCALINGS = ("none", "linear", "yarn")
REPACKING = ("auto", "on", "off")
MAX_GPUS = 16
"""What llama.cpp can use at once."""


class LlamaCppOptions(BaseModel):
    """Options of models that llama.cpp computes; other engines ignore them. ``gpu_layers`` 0 keeps any from a GPU."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gpu_layers: Annotated[
        int, Option(Whole(-1, 10_000), "model layers on the GPU; -1 is all, 0 none", Group.PLACEMENT)
    ] = -1
    gpus: Annotated[
        int, Option(Whole(1, MAX_GPUS), "GPUs of each worker, over which the model is split", Group.PLACEMENT)
    ] = 1
    split_mode: Annotated[
        str,
        Option(Choice(SPLIT_MODES), "how several GPUs share a model: whole layers, or rows of each", Group.PLACEMENT),
    ] = "layer"
    tensor_split: Annotated[
        tuple[float, ...],
        Option(
            Proportions(), "share of each GPU, as in 3/1; without it, in proportion to its free memory", Group.PLACEMENT
        ),
    ] = ()
    cpu_moe: Annotated[
        bool, Option(Switch(), "keep the experts of all layers in main memory, computed by the CPU", Group.PLACEMENT)
    ] = False
    n_cpu_moe: Annotated[
        int, Option(Whole(0, 10_000), "the same for the experts of the first N layers", Group.PLACEMENT)
    ] = 0
    cache_type_k: Annotated[str, Option(Choice(CACHE_TYPES), "type of the keys in the KV cache", Group.PLACEMENT)] = (
        "f16"
    )
    cache_type_v: Annotated[
        str,
        Option(
            Choice(CACHE_TYPES), "type of the values in it; the quantized ones need flash attention", Group.PLACEMENT
        ),
    ] = "f16"
    flash_attn: Annotated[
        str,
        Option(Choice(("auto", "on", "off")), "flash attention; auto where the device has it", Group.PLACEMENT),
    ] = "auto"
    swa_full: Annotated[
        str,
        Option(
            Choice(("auto", "on", "off")),
            "keep all tokens in layers with a sliding window, not only the window's; auto where that takes little more",
            Group.PLACEMENT,
        ),
    ] = "auto"
    no_mmap: Annotated[
        bool,
        Option(
            Switch(),
            "read the file into memory at the start instead of mapping it",
            Group.PLACEMENT,
        ),
    ] = False
    mlock: Annotated[
        bool, Option(Switch(), "keep the weights in main memory: they are never swapped out", Group.PLACEMENT)
    ] = False
    repack: Annotated[
        str,
        Option(
            Choice(REPACKING),
            "keep weights in main memory as this CPU's kernels want them; auto where that is known to be faster",
            Group.PLACEMENT,
        ),
    ] = "auto"
    batch_size: Annotated[
        int,
        Option(
            Whole(0, 65_536),
            "most tokens of a step; 0 is 512, for embedding models on a GPU 2048",
            Group.PLACEMENT,
        ),
    ] = 0
    ubatch_size: Annotated[
        int,
        Option(Whole(0, 65_536), "tokens of a step that are computed at once; 0 is all", Group.PLACEMENT),
    ] = 0
    rope_scaling: Annotated[
        str,
        Option(
            OptionalChoice(ROPE_SCALINGS), "how positions are scaled; without it, as the file has it", Group.PLACEMENT
        ),
    ] = ""
    rope_freq_base: Annotated[
        float, Option(Real(0, 1e12), "base frequency of the positions; 0 is the model's own", Group.PLACEMENT)
    ] = 0.0
    rope_freq_scale: Annotated[
        float,
        Option(
            Real(0, 1), "scale of the positions, 0.25 for 4 times the context; 0 is the model's own", Group.PLACEMENT
        ),
    ] = 0.0
    yarn_orig_ctx: Annotated[
        int,
        Option(
            Whole(0, 1 << 24),
            "context in tokens that the model was trained with before YaRN; 0 is the file's",
            Group.PLACEMENT,
        ),
    ] = 0


_OF_DRAFTS = ("no_mmap", "mlock", "flash_attn")


def draft_options(options: LlamaCppOptions) -> LlamaCppOptions:
    """The options of a draft model, from those of its model: it is on a single GPU, or on the CPU with the model."""
    kept = {name: getattr(options, name) for name in _OF_DRAFTS}
    return LlamaCppOptions(**kept, gpu_layers=0 if options.gpu_layers == 0 else -1)


class ContradictionError(Exception):
    """Two options of a model do not go together. ``option`` is the wrong one; the message has what it expected."""

    def __init__(self, option: str, expected: str, got: object) -> None:
        super().__init__(f"{option}: expected {expected}, got {got}")
        self.option = option
        self.problem = f"expected {expected}, got {got}"


def check_together(options: LlamaCppOptions) -> None:
    """Refuse options that do not go together.

    Raises:
        ContradictionError: the first of them.
    """
    for wrong in (_wrong_split, _wrong_cache, _wrong_rope):
        wrong(options)


def _wrong_split(options: LlamaCppOptions) -> None:
    gpus, shares = options.gpus, len(options.tensor_split)
    if gpus > 1 and options.gpu_layers == 0:
        raise ContradictionError("gpus", "1 with gpu_layers 0", gpus)
    if gpus > 1 and options.split_mode == "none":
        raise ContradictionError("split_mode", f"layer or row with gpus {gpus}", "none")
    if shares and gpus == 1:
        raise ContradictionError("tensor_split", "none with gpus 1", f"{shares} numbers")
    if shares not in (0, gpus):
        raise ContradictionError("tensor_split", f"{gpus} numbers, one for each of gpus", shares)
    if options.cpu_moe and options.n_cpu_moe:
        raise ContradictionError("n_cpu_moe", "0 with cpu_moe", options.n_cpu_moe)


def _wrong_cache(options: LlamaCppOptions) -> None:
    if options.flash_attn == "off" and options.cache_type_v not in FLOAT_CACHE_TYPES:
        raise ContradictionError("cache_type_v", "f16, bf16 or f32 without flash attention", options.cache_type_v)
    if 0 < options.batch_size < options.ubatch_size:
        raise ContradictionError("ubatch_size", f"at most batch_size {options.batch_size}", options.ubatch_size)


def _wrong_rope(options: LlamaCppOptions) -> None:
    if options.rope_scaling == "none" and options.rope_freq_scale not in (0, 1):
        raise ContradictionError("rope_freq_scale", "0 or 1 with rope_scaling none", f"{options.rope_freq_scale:g}")
    if options.rope_scaling in ("none", "linear") and options.yarn_orig_ctx:
        expected = f"0 with rope_scaling {options.rope_scaling}"
        raise ContradictionError("yarn_orig_ctx", expected, options.yarn_orig_ctx)
