"""A draft model has the vocabulary of its model, and models that cannot have drafts have none."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from shared.settings.text.speculation import Speculate
from tests.support.workers.fake_kv_memory import FakeKVMemory
from workers.engine import EngineLoadError
from workers.text.cache.kv_cache import KVCache
from workers.text.model import DecoderSize
from workers.text.speculation.draft_model import check_vocabulary
from workers.text.speculation.opening import open_speculation
from workers.text.speculation.options import SpeculationOptions


def _vocabulary(*pieces: str) -> Any:
    return SimpleNamespace(size=len(pieces), piece=lambda token, special: pieces[token].encode())


def test_another_vocabulary_is_refused() -> None:
    target = _vocabulary("a", "b", "c")
    check_vocabulary("same", _vocabulary("a", "b", "c"), target)
    check_vocabulary("padded", _vocabulary("a", "b", "c", "unused"), target)
    with pytest.raises(EngineLoadError, match=r"draft: expected the vocabulary of the model, got .* token 1"):
        check_vocabulary("other", _vocabulary("a", "x", "c"), target)
    with pytest.raises(EngineLoadError, match="draft: expected a vocabulary of 3 tokens"):
        check_vocabulary("larger", _vocabulary(*"abc", *["x"] * 1000), target)


@pytest.mark.parametrize(
    ("speculate", "can_cut", "opens"),
    [
        (Speculate.AUTO, True, True),
        (Speculate.OFF, True, False),
        (Speculate.DRAFT, True, False),
        (Speculate.AUTO, False, False),
    ],
    ids=["auto", "off", "draft without a model", "recurrent"],
)
def test_models_that_speculate(speculate: Speculate, can_cut: bool, opens: bool) -> None:
    model: Any = SimpleNamespace(can_share_prefixes=True, on_gpu=False)
    decoder: Any = SimpleNamespace(memory=FakeKVMemory())
    decoder.memory.can_cut = can_cut
    cache, size = KVCache(decoder.memory, 100, 4), DecoderSize(100, 4, 50, 64, 1)
    options = SpeculationOptions(speculate)
    speculation = open_speculation(options, model, decoder, cache, size, None, None, ExitStack())
    assert (speculation is not None) is opens


@pytest.mark.parametrize("can_cut", [True, False], ids=["transformer", "recurrent"])
def test_a_draft_model_stays_loaded_only_if_it_can_draft(can_cut: bool) -> None:
    closed: list[str] = []

    def opened(name: str, can_cut: bool) -> Any:
        decoder = SimpleNamespace(memory=FakeKVMemory(), close=lambda: closed.append(f"{name}'s decoder"))
        decoder.memory.can_cut = can_cut
        return SimpleNamespace(
            can_share_prefixes=True,
            on_gpu=False,
            max_sequences=8,
            vocabulary=_vocabulary("a", "b"),
            open_decoder=lambda _size: decoder,
            close=lambda: closed.append(name),
        )

    model, draft = opened("model", True), opened("draft", can_cut)
    decoder, size = model.open_decoder(None), DecoderSize(100, 4, 50, 64, 1)
    options = SpeculationOptions(Speculate.DRAFT, "draft.gguf", 4)
    cache = KVCache(decoder.memory, 100, 4)
    with ExitStack() as resources:
        open_speculation(options, model, decoder, cache, size, None, lambda _path: draft, resources)
        assert closed == ([] if can_cut else ["draft's decoder", "draft"])
    assert closed == ["draft's decoder", "draft"]
