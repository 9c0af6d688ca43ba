"""Models of random weights whose layers count for less."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.make_gguf.scaled import file_of, made_model
from scripts.make_gguf.shapes.making import random_model


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_another_scale_is_another_file_and_the_usual_one_is_not() -> None:
    calm, usual = (made_model(f"random-tiny-1b-f16{scale}", lambda _: None) for scale in ("@0.02", ""))
    assert usual == random_model("random-tiny-1b-f16", lambda _: None)
    assert calm != usual
    assert calm.stat().st_size == usual.stat().st_size
    assert calm.read_bytes() != usual.read_bytes()
    assert file_of("random-tiny-1b-f16@0.02") == str(calm)
    assert file_of(str(usual)) == str(usual)


def test_a_scale_is_a_number() -> None:
    with pytest.raises(ValueError, match="layer scale: expected a number after @, got much"):
        made_model("random-tiny-1b-f16@much", lambda _: None)
