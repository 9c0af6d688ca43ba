"""One graph of a pipeline, as functions of arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from workers.diffusion.painting import PaintError
from workers.engine import EngineLoadError
from workers.onnx.session import NUMBER_TYPES, giving_back

Floats = NDArray[np.float32]
Feed = NDArray[Any]


class GraphError(PaintError):
    """A graph failed."""


class Interrupt:
    """Ends the graph that runs, from another thread, and lets no further one run in the same picture."""

    def __init__(self) -> None:
        self._options = onnxruntime.RunOptions()
        self._is_cancelled: Callable[[], bool] = lambda: False

    def begin(self, is_cancelled: Callable[[], bool]) -> None:
        """A picture begins, which nobody wants any more when ``is_cancelled``."""
        self._is_cancelled = is_cancelled

    def run(self, session: onnxruntime.InferenceSession, feeds: Mapping[str, Feed], shrinks: bool) -> list[Feed]:
        """All outputs. If it ``shrinks``, the memory that this took is given back.

        Raises:
            GraphError: it failed.
            PaintError: the picture is cancelled.
        """
        options = self._options = giving_back() if shrinks else onnxruntime.RunOptions()
        if self._is_cancelled():  # after the options are in place: it may be cancelled at any moment
            raise PaintError("it was cancelled")
        try:
            outputs: list[Feed] = session.run(None, feeds, options)
        except Exception as error:  # onnxruntime's own errors have no common class
            if self._is_cancelled():
                raise PaintError("it was cancelled") from None
            raise GraphError(f"onnxruntime: {' '.join(str(error).split())[:500]}") from None
        return outputs

    def interrupt(self) -> None:
        """End the graph that runs, between two of its nodes."""
        self._options.terminate = True


class Graph:
    """A graph and its inputs. ``name`` is the folder that it is in."""

    def __init__(self, name: str, session: onnxruntime.InferenceSession, interrupt: Interrupt) -> None:
        self.name = name
        self._session = session
        self._interrupt = interrupt
        self.shapes: dict[str, list[int | str | None]] = {each.name: each.shape for each in session.get_inputs()}
        self._types = {each.name: NUMBER_TYPES.get(each.type) for each in session.get_inputs()}
        self.outputs = [each.name for each in session.get_outputs()]
        odd = [each.type for each in session.get_inputs() if each.type not in NUMBER_TYPES]
        if odd:
            raise EngineLoadError(f"{name}/model.onnx: expected inputs of numbers, got {odd[0]}")

    def expect(self, *names: str) -> None:
        """Check that these are inputs.

        Raises:
            EngineLoadError: one is not.
        """
        for name in names:
            if name not in self.shapes:
                raise EngineLoadError(
                    f"{self.name}/model.onnx: expected an input {name}, got {', '.join(self.shapes)[:200]}"
                )

    def fixed(self, name: str, axis: int) -> int | None:
        """The length of an axis of an input; None if it may be any."""
        shape = self.shapes[name]
        length = shape[axis] if axis < len(shape) else None
        return length if isinstance(length, int) and length > 0 else None

    def is_whole(self, name: str) -> bool:
        """Whether an input's numbers are whole."""
        kind = self._types[name]
        return kind is not None and issubclass(kind, np.integer)

    def run(self, feeds: Mapping[str, Feed], shrinks: bool = False) -> dict[str, Feed]:
        """The outputs by name, in the graph's own precision.

        Raises:
            PaintError: it failed, or the picture is cancelled.
        """
        cast = {name: _as_type(feed, self._types[name]) for name, feed in feeds.items()}
        found = self._interrupt.run(self._session, cast, shrinks)
        return dict(zip(self.outputs, found, strict=True))


def as_floats(values: Feed) -> Floats:
    """In single precision."""
    return values.astype(np.float32, copy=False)


def _as_type(values: Feed, kind: type[np.generic] | None) -> Feed:
    if kind is np.float16:
        largest = np.finfo(np.float16).max
        values = np.clip(values, -largest, largest)
    elif kind is not None and issubclass(kind, np.integer) and values.dtype.kind == "f":
        values = np.rint(values)
    return np.ascontiguousarray(values, dtype=kind)
