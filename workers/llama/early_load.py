"""The load of a model that begins while the process still imports the rest of its engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import Any, Generic, TypeVar

from shared.models.adapters import AdapterFile
from shared.settings.placement import LlamaCppOptions
from workers.llama.media.options import ProjectorOptions
from workers.llama.native.model import LlamaModel
from workers.llama.native.repacking import Use

REPORT_INTERVAL_S = 0.1

L = TypeVar("L")

Load = Callable[[Callable[[float], None]], L]
"""Loads something, and calls what it is given with the fraction done (0 to 1)."""


def loader(
    path: str,
    options: LlamaCppOptions,
    reasons: Sequence[str],
    adapters: Sequence[AdapterFile],
    workers: int,
    projector: ProjectorOptions | None = None,
) -> Load[LlamaModel]:
    """What loads a model that answers, with a projector if it has one, and that so many workers load at once."""
    kind = LlamaModel if projector is None else partial(_seeing, projector)
    return partial(kind, path, options, reasons=reasons, adapters=adapters, use=Use(workers))


def _seeing(projector: ProjectorOptions, *given: Any, **named: Any) -> LlamaModel:
    from workers.llama.media.model import SeeingLlama  # libmtmd is loaded only where it is needed

    return SeeingLlama(projector, *given, **named)


class EarlyLoad(Generic[L]):
    """Begins to load at once, in a thread of its own; whoever calls it waits for the end.

    llama.cpp does not hold the interpreter's lock meanwhile, so both cores are used where there are two.
    """

    def __init__(self, load: Load[L]) -> None:
        self._fraction = 0.0
        self._loaded: Future[L] = Future()
        threading.Thread(target=self._run, args=(load,), name="load", daemon=True).start()

    def __call__(self, report: Callable[[float], None]) -> L:
        """What was loaded. ``report`` is called by this thread.

        Raises:
            Exception: what the load raised.
        """
        while not wait([self._loaded], REPORT_INTERVAL_S).done:
            report(self._fraction)
        return self._loaded.result()

    def _run(self, load: Load[L]) -> None:
        try:
            self._loaded.set_result(load(self._note))
        except BaseException as error:
            self._loaded.set_exception(error)

    def _note(self, fraction: float) -> None:
        self._fraction = fraction
