"""Parts of a pipeline as ONNX graphs, with the inputs and outputs that published ones have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

OPSET = 17


class HiddenStates(nn.Module):
    """A text encoder whose outputs are all that Stable Diffusion XL may need."""

    def __init__(self, model: nn.Module, first: str, second: str) -> None:
        super().__init__()
        self.model = model
        self.names = (first, second)

    def forward(self, input_ids: Tensor) -> tuple[Tensor, ...]:
        """The two named outputs, then the states of all layers."""
        output = self.model(input_ids=input_ids, output_hidden_states=True)
        return (*(getattr(output, name) for name in self.names), *output.hidden_states)


class LastStates(nn.Module):
    """A text encoder's last states and its pooled ones."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor) -> tuple[Tensor, Tensor]:
        """States of the tokens, and of the whole."""
        output = self.model(input_ids=input_ids)
        return output.last_hidden_state, output.pooler_output


class Denoiser(nn.Module):
    """A UNet of Stable Diffusion, with further inputs by name."""

    def __init__(self, model: nn.Module, extra: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        self.extra = extra

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, *more: Tensor) -> Tensor:
        """What it finds."""
        given = dict(zip(self.extra, more, strict=True))
        condition = given.pop("timestep_cond", None)
        output = self.model(
            sample,
            timestep,
            encoder_hidden_states,
            timestep_cond=condition,
            added_cond_kwargs=given or None,
            return_dict=False,
        )
        found: Tensor = output[0]
        return found


class DecoderHalf(nn.Module):
    """The second half of an autoencoder."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, latent_sample: Tensor) -> Tensor:
        """The picture."""
        decode: Any = self.model.decode
        found: Tensor = decode(latent_sample, return_dict=False)[0]
        return found


class EncoderHalf(nn.Module):
    """The first half of an autoencoder."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, sample: Tensor) -> Tensor:
        """Means and logarithms of variances."""
        encode: Any = self.model.encode
        found: Tensor = encode(sample).latent_dist.parameters
        return found


def write(
    module: nn.Module, path: Path, inputs: dict[str, Tensor], outputs: list[str], axes: dict[str, dict[int, str]]
) -> None:
    """Write a graph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        module.eval(),
        tuple(inputs.values()),
        str(path),
        input_names=list(inputs),
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )


def write_text_encoder(model: nn.Module, path: Path, layers: int | None = None, pooled: str = "pooler_output") -> None:
    """A text encoder; with ``layers``, one of Stable Diffusion XL, whose second output is ``pooled``."""
    ids = {"input_ids": torch.ones((1, 77), dtype=torch.int32)}
    axes = {"input_ids": {0: "batch_size"}}
    if layers is None:
        write(LastStates(model), path, ids, ["last_hidden_state", pooled], axes)
        return
    names = [f"hidden_states.{index}" for index in range(layers + 1)]
    first, second = ("text_embeds", "last_hidden_state") if pooled == "text_embeds" else ("last_hidden_state", pooled)
    write(HiddenStates(model, first, second), path, ids, [first, second, *names], axes)


def write_unet(
    model: Any, path: Path, extra: dict[str, tuple[int, ...]], kind: torch.dtype, time_type: torch.dtype
) -> None:
    """A UNet with inputs of ``kind``, and times of ``time_type``."""
    config = model.config
    inputs = {
        "sample": torch.randn(2, config.in_channels, 8, 8).to(kind),
        "timestep": torch.tensor([10]).to(time_type),
        "encoder_hidden_states": torch.randn(2, 77, config.cross_attention_dim).to(kind),
        **{name: torch.randn(2, *shape).to(kind) for name, shape in extra.items()},
    }
    axes = {
        "sample": {0: "batch_size", 2: "height", 3: "width"},
        "timestep": {0: "steps"},
        "encoder_hidden_states": {0: "batch_size", 1: "sequence_length"},
        "out_sample": {0: "batch_size", 2: "height", 3: "width"},
        **{name: {0: "batch_size"} for name in extra},
    }
    write(Denoiser(model, tuple(extra)), path, inputs, ["out_sample"], axes)
    (path.parent / "config.json").write_text(json.dumps({"in_channels": config.in_channels}))


def write_autoencoder(model: Any, folder: Path, kind: torch.dtype) -> None:
    """Both halves, each in a folder of its own."""
    latents, image = torch.randn(1, 4, 8, 8).to(kind), torch.randn(1, 3, 64, 64).to(kind)
    spatial = {0: "batch_size", 2: "height", 3: "width"}
    decoder, encoder = folder / "vae_decoder" / "model.onnx", folder / "vae_encoder" / "model.onnx"
    axes = {"sample": spatial, "latent_sample": spatial, "latent_parameters": spatial}
    decoded, encoded = ["latent_sample", "sample"], ["sample", "latent_parameters"]
    write(DecoderHalf(model), decoder, {"latent_sample": latents}, ["sample"], {name: axes[name] for name in decoded})
    write(EncoderHalf(model), encoder, {"sample": image}, encoded[1:], {name: axes[name] for name in encoded})
    for half in (decoder, encoder):
        (half.parent / "config.json").write_text(json.dumps({"scaling_factor": model.config.scaling_factor}))
