from __future__ import annotations

from pathlib import Path

import pytest

from shared.engines.onnx.providers import OnnxProvider
from workers.engine import EngineLoadError
from workers.onnx.text.decoding.generators import load_model
from workers.onnx.text.decoding.layout import CONFIG
from workers.onnx.text.decoding.trust import check_trusted


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ('{"model": {"decoder": {"session_options": {"custom_ops_library": "evil.so"}}}}', "custom_ops_library"),
        ('{"model": {"decoder": {"session_options": {"enable_profiling": "/etc/x"}}}}', "enable_profiling"),
        ('{"model": {"a": {"custom_ops_library": "evil.so"}, "a": {}}, "model": {}}', "custom_ops_library"),
        ('{"a": [{"b": [{"QNN": {"backend_\\u0070ath": "evil.so"}}]}]}', "backend_path"),
    ],
)
def test_a_folder_does_not_bring_code(tmp_path: Path, config: str, name: str) -> None:
    (tmp_path / CONFIG).write_text(config)
    with pytest.raises(EngineLoadError, match=f"expected no setting that loads code .*, got '{name}'"):
        load_model(tmp_path, OnnxProvider.CPU, 1)


def test_other_settings_are_taken(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text(
        '{"model": {"decoder": {"session_options": {"log_id": "a", "provider_options": []}}}}'
    )
    check_trusted(tmp_path)
