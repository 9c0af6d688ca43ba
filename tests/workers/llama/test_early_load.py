"""A model is loaded from the start on, beside what else the process does."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from workers.engine import EngineLoadError
from workers.llama.early_load import EarlyLoad


def test_the_load_begins_before_anybody_waits_for_it() -> None:
    begun = threading.Event()

    def load(_: Callable[[float], None]) -> str:
        begun.set()
        return "model"

    early = EarlyLoad(load)
    assert begun.wait(60)
    assert early(lambda _: None) == "model"


def test_whoever_waits_is_told_how_far_it_is_in_its_own_thread() -> None:
    told = threading.Event()
    heard: list[tuple[float, threading.Thread]] = []

    def load(report: Callable[[float], None]) -> str:
        report(0.5)
        told.wait(60)
        return "model"

    def hear(fraction: float) -> None:
        heard.append((fraction, threading.current_thread()))
        if fraction:
            told.set()

    assert EarlyLoad(load)(hear) == "model"
    assert heard[-1] == (0.5, threading.current_thread())


@pytest.mark.parametrize("error", [EngineLoadError("no such file"), MemoryError(), TimeoutError("the disk is gone")])
def test_whoever_waits_gets_the_error(error: Exception) -> None:
    def load(_: Callable[[float], None]) -> str:
        raise error

    with pytest.raises(type(error)) as raised:
        EarlyLoad(load)(lambda _: None)
    assert raised.value is error
