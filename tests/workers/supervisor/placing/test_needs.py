from __future__ import annotations

import pytest

from shared.kinds import JobKind
from shared.settings import ModelSettings
from workers.supervisor.placing.needs import needs_of


@pytest.mark.parametrize(
    ("engine", "options", "gpus"),
    [
        ("llama", {}, 1),
        ("llama", {"gpu_layers": 0}, 0),
        ("llama", {"onnx_provider": "cpu"}, 1),
        ("llama", {"gpus": 2}, 2),
        ("embedding", {"gpus": 3}, 3),
        ("whisper", {"gpus": 2}, 1),
        ("diffusion", {"gpus": 2, "gpu_layers": 0}, 0),
        ("onnx-text", {}, 0),
        ("onnx-text", {"onnx_provider": "cuda"}, 1),
        ("onnx-images", {"onnx_provider": "tensorrt"}, 1),
        ("onnx-images", {"onnx_provider": "directml"}, 0),
    ],
)
def test_a_worker_asks_for_the_gpus_that_its_engine_computes_on(
    engine: str, options: dict[str, object], gpus: int
) -> None:
    model = ModelSettings.model_validate(
        {"name": "m", "kinds": (JobKind.TEXT,), "engine": engine, "path": "", "threads": 3, **options}
    )
    needs = needs_of(model)
    assert (needs.threads, needs.gpus) == (3, gpus)
