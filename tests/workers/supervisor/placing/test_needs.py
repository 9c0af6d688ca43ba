from __future__ import annotations

import pytest

from shared.kinds import JobKind
from shared.settings import ModelSettings
from workers.supervisor.placing.needs import needs_of


@pytest.mark.parametrize(
    ("engine", "options", "use_gpu"),
    [
        ("llama", {}, True),
        ("llama", {"gpu_layers": 0}, False),
        ("llama", {"onnx_provider": "cpu"}, True),
        ("onnx-text", {}, False),
        ("onnx-text", {"onnx_provider": "cuda"}, True),
        ("onnx-images", {"onnx_provider": "tensorrt"}, True),
        ("onnx-images", {"onnx_provider": "directml"}, False),
    ],
)
def test_a_worker_asks_for_a_gpu_only_if_its_engine_computes_on_it(
    engine: str, options: dict[str, object], use_gpu: bool
) -> None:
    model = ModelSettings.model_validate(
        {"name": "m", "kinds": (JobKind.TEXT,), "engine": engine, "path": "", "threads": 3, **options}
    )
    needs = needs_of(model)
    assert (needs.threads, needs.use_gpu) == (3, use_gpu)
