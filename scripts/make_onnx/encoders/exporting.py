"""From torch to graphs."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn


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
