"""A hub with one small model, and what a store has of it."""

from __future__ import annotations

import pytest

from shared.errors import ModelError
from shared.hub.store import ModelStore
from tests.support.models.gguf_builder import build_gguf

MODEL = build_gguf(tensors=[("t", (512, 512))])
SPEC = "hf:owner/tiny"


def files_in(store: ModelStore) -> list[str]:
    """Names of all files of a store's models."""
    return sorted(path.name for path in store.root.rglob("files/**/*") if path.is_file())


def one_line_error(store: ModelStore, spec: str = SPEC) -> str:
    """What is said when a pull fails, which leaves at most a part of a file."""
    with pytest.raises(ModelError) as caught:
        store.pull(spec)
    assert "\n" not in str(caught.value)
    assert all(name.endswith(".part") for name in files_in(store))
    assert store.installed() == []
    return str(caught.value)
