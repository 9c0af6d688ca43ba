"""Whether a LoRA fits a model: the library ends the process on a tensor of another shape than the model's."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from shared.engines.diffusion.parts import part_kind
from shared.engines.diffusion.versions import PREFIX, is_bare, version_of
from shared.wire.payloads import JobError
from workers.diffusion.lora_files import Shapes, TensorFileError, quantised_tensors, read_shapes

_PARTS = {
    **dict.fromkeys((".lora_down.weight", ".lora.down.weight", "_lora.down.weight", ".lora_A.weight"), "down"),
    **dict.fromkeys((".lora_up.weight", ".lora.up.weight", "_lora.up.weight", ".lora_B.weight"), "up"),
    **dict.fromkeys((".lora_mid.weight", ".lora.mid.weight", "_lora.mid.weight"), "mid"),
    ".lora_A.default.weight": "down",
    ".lora_B.default.weight": "up",
    ".diff": "diff",
    ".diff_b": "diff_b",
    **{f".hada_{part}": part for part in ("w1_a", "w1_b", "w2_a", "w2_b")},
    **{f".lokr_{part}": f"lokr_{part}" for part in ("w1", "w1_a", "w1_b", "w2", "w2_a", "w2_b")},
}
"""The ends of a LoRA's tensor names, and what they hold. Trainers and libraries name them differently."""

_MERGED = ("diff", "w1_a", "w1_b", "w2_a", "w2_b")
"""What the library can only add to a layer, which ends the process if the layer is quantised."""

_UNET_PREFIXES = ("model.diffusion_model.", "diffusion_model.", "unet.", "lora_unet_", "lycoris_unet_", "unet_")
_TEXT_PREFIXES = (
    "cond_stage_model.transformer.",
    "text_encoders.clip_l.transformer.",
    "conditioner.embedders.0.transformer.",
    "text_encoder.",
    "lora_te1_",
    "lora_te_",
    "te1.",
    "te.",
)

_RESNET_PARTS = {
    "norm1": "in_layers_0",
    "conv1": "in_layers_2",
    "norm2": "out_layers_0",
    "conv2": "out_layers_3",
    "time_emb_proj": "emb_layers_1",
    "conv_shortcut": "skip_connection",
}
_RESNET_PART = re.compile("|".join(_RESNET_PARTS))
_DIFFUSERS = re.compile(
    r"(?:(down|up)_blocks_(\d)_(?:(resnets|attentions)_(\d)|(?:down|up)samplers_0)|mid_block_(resnets|attentions)_(\d))"
)
_DIFFUSERS_NAMES = {
    "conv_in": "input_blocks_0_0",
    "conv_out": "out_2",
    "conv_norm_out": "out_0",
    "time_embedding_linear_1": "time_embed_0",
    "time_embedding_linear_2": "time_embed_2",
    "add_embedding_linear_1": "label_emb_0_0",
    "add_embedding_linear_2": "label_emb_0_2",
}


def layer_key(name: str) -> str:
    """What names one layer of a model in all conventions: the original's, those of diffusers and of trainers.

    ``name`` has no end such as ``.weight``. Source of the names:
    https://github.com/huggingface/diffusers/blob/main/scripts/convert_diffusers_to_original_stable_diffusion.py
    """
    for part, prefixes in (("unet", _UNET_PREFIXES), ("text", _TEXT_PREFIXES)):
        for prefix in prefixes:
            if name.startswith(prefix):
                rest = name[len(prefix) :].replace(".", "_")
                return f"{part} {_original(rest) if part == 'unet' else rest}"
    return name.replace(".", "_")


def _original(name: str) -> str:
    if name in _DIFFUSERS_NAMES:
        return _DIFFUSERS_NAMES[name]
    found = _DIFFUSERS.match(name)
    if found is None:
        return name
    side, block, kind, index, middle_kind, middle_index = found.groups()
    rest = name[found.end() :]
    if middle_kind is not None:
        kind, place = middle_kind, f"middle_block_{2 * int(middle_index) if middle_kind == 'resnets' else 1}"
    elif kind is None:
        if side == "down":
            return f"input_blocks_{3 * (int(block) + 1)}_0_op" + rest.removeprefix("_conv")
        return f"output_blocks_{3 * int(block) + 2}_{1 if block == '0' else 2}" + rest
    else:
        first = 3 * int(block) + int(index)
        place = f"input_blocks_{first + 1}" if side == "down" else f"output_blocks_{first}"
        place += "_0" if kind == "resnets" else "_1"
    if kind == "resnets":
        rest = _RESNET_PART.sub(lambda part: _RESNET_PARTS[part[0]], rest)
    return place + rest


@dataclass(frozen=True, slots=True)
class _Stamp:
    modified_at_ns: int
    size_bytes: int


class LoraFit:
    """Checks LoRAs against the tensors of a model's ``files``, whose headers are read when the first LoRA is used.

    A LoRA in a format other than safetensors and GGUF is not checked, nor a layer that the model does not have: the
    library ignores it.
    """

    def __init__(self, files: tuple[str, ...]) -> None:
        self._files = files
        self._model: Shapes | None = None
        self._quantised: set[str] = set()
        self._fitting: dict[Path, _Stamp] = {}

    def check(self, path: Path) -> None:
        """Check one LoRA; again only when its file has changed.

        Raises:
            JobError: 400, it is damaged, or a tensor does not fit the model.
        """
        status = path.stat()
        stamp = _Stamp(status.st_mtime_ns, status.st_size)
        if self._fitting.get(path) == stamp:
            return
        try:
            shapes = read_shapes(path)
        except TensorFileError as error:
            raise _refusal(path, "that can be read", str(error)) from None
        if shapes is not None:
            self._check_shapes(path, shapes)
        self._fitting[path] = stamp

    def _check_shapes(self, path: Path, shapes: Shapes) -> None:
        model = self._model_shapes()
        layers: dict[str, dict[str, str]] = {}
        for name in shapes:
            end = next((end for end in _PARTS if name.endswith(end)), None)
            if end is not None:
                layers.setdefault(name.removesuffix(end), {})[_PARTS[end]] = name
        for layer, parts in layers.items():
            key = layer_key(layer)
            expected = model.get(f"{key}.weight", model.get(f"{key}_0.weight"))
            bias = model.get(f"{key}.bias")
            found = {part: shapes[name] for part, name in parts.items()}
            merged = next((part for part in _MERGED if part in parts), None)
            if merged is not None and key in self._quantised:
                got = f"the tensor {parts[merged][:200]!r}; a quantised layer takes lora_down and lora_up, or lokr"
                raise _refusal(path, "that fits the model", got)
            if expected is not None and (bad := _misfit(found, expected, is_applied=bool(self._quantised))):
                raise _refusal(path, "that fits the model", _described(parts[bad], found[bad], expected))
            if bias is not None and "diff_b" in found and found["diff_b"] != bias:
                raise _refusal(path, "that fits the model", _described(parts["diff_b"], found["diff_b"], bias))

    def _model_shapes(self) -> Shapes:
        if self._model is None:
            model: Shapes = {}
            for file in self._files:
                for path in sorted(Path(file).rglob("*.safetensors")) if Path(file).is_dir() else [Path(file)]:
                    shapes = read_shapes(path) or {}
                    prefix = _prefix_of(shapes)
                    for name, shape in shapes.items():
                        layer, _, kind = (prefix + name).rpartition(".")
                        model[f"{layer_key(layer)}.{kind}"] = shape
                    names = (prefix + name.removesuffix(".weight") for name in quantised_tensors(path))
                    self._quantised |= set(map(layer_key, names))
            self._model = model
        return self._model


def _prefix_of(shapes: Shapes) -> str:
    """What a whole checkpoint would have before the names in a file that is the diffusion model or CLIP-L alone."""
    turned = {name: shape[::-1] for name, shape in shapes.items()}
    if not is_bare(turned) or any(name.startswith(PREFIX) for name in turned):
        return ""
    if version_of(turned) is not None:
        return PREFIX
    kind = part_kind(turned)
    return _TEXT_PREFIXES[0] if kind is not None and kind.name == "clip_l" else ""


def _refusal(path: Path, expected: str, got: str) -> JobError:
    return JobError(400, f"prompt: expected a LoRA {expected} in <lora:{path.stem}>, got {got}", "prompt")


def _described(name: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    sizes = [" x ".join(map(str, sides)) for sides in (shape, expected)]
    return f"the tensor {name[:200]!r} of {sizes[0]} for a layer of {sizes[1]}"


def _without_kernel_of_1(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[:2] if set(shape[2:]) == {1} else shape


def _misfit(found: dict[str, tuple[int, ...]], layer: tuple[int, ...], *, is_applied: bool) -> str | None:
    """The part whose shape does not fit a weight of shape ``layer``; None if all do.

    The library applies the LoRAs of quantised models at each step as they are (``is_applied``). Into other models it
    merges them, whatever their layers are, so there kernels of 1 x 1 do not matter.
    """
    if not is_applied:
        found = {part: _without_kernel_of_1(shape) for part, shape in found.items()}
        layer = _without_kernel_of_1(layer)
    outputs, inputs = layer[0], math.prod(layer[1:])
    if "down" in found and "up" in found:
        down, up = found["down"], found["up"]
        mid = found.get("mid")
        if len(down) != len(layer) or (mid is None and down[1:] != layer[1:]) or down[1:2] != layer[1:2]:
            return "down"
        if up != (outputs, down[0], *[1] * (len(layer) - 2)):
            return "up"
        if mid is not None and (len(layer) != 4 or mid != (down[0], down[0], *layer[2:]) or set(down[2:]) - {1}):
            return "mid"
    if "diff" in found and math.prod(found["diff"]) != outputs * inputs:
        return "diff"
    return _hadamard_misfit(found, outputs, inputs) or _kronecker_misfit(found, layer, is_applied=is_applied)


def _hadamard_misfit(found: dict[str, tuple[int, ...]], outputs: int, inputs: int) -> str | None:
    names = ("w1_a", "w1_b", "w2_a", "w2_b")
    if not all(name in found for name in names):
        return None
    for up, down in (names[:2], names[2:]):
        if found[up] != (outputs, found[down][0]):
            return up
        if len(found[down]) < 2 or math.prod(found[down][1:]) != inputs:
            return down
    return None


def _kronecker_misfit(found: dict[str, tuple[int, ...]], layer: tuple[int, ...], *, is_applied: bool) -> str | None:
    """As :func:`_misfit`. Any factors of the right number of elements are merged; only whole ones are applied."""
    sizes = []
    for factor in ("lokr_w1", "lokr_w2"):
        whole, up, down = found.get(factor), found.get(f"{factor}_a"), found.get(f"{factor}_b")
        if whole is not None:
            sizes.append(math.prod(whole))
        elif up is not None or down is not None:
            if is_applied or up is None or down is None or len(up) != 2 or len(down) < 2 or up[1] != down[0]:
                return f"{factor}_a" if up is not None else f"{factor}_b"
            sizes.append(up[0] * math.prod(down[1:]))
    if len(sizes) < 2:
        return None
    last = "lokr_w2" if "lokr_w2" in found else "lokr_w2_a"
    if not is_applied:
        return None if math.prod(sizes) == math.prod(layer) else last
    first, second = found["lokr_w1"], found["lokr_w2"]
    if len(first) != 2:
        return "lokr_w1"
    product = (first[0] * second[0], first[1] * second[1], *second[2:]) if len(second) == len(layer) else ()
    return None if product == layer else "lokr_w2"
