"""How much memory one worker of a model will take, before it was ever loaded. No native library is needed for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from shared.errors import ModelError
from shared.memory import files
from shared.memory.placement import Placed, place_text
from shared.memory.processes import GPU_CONTEXT_BYTES, GPU_LIBRARY_BYTES, IDLE_BYTES, KEEPER_BYTES
from shared.memory.shape import read_shape
from shared.memory.speech_and_pictures import pictures, speech
from shared.settings import ModelSettings

UNKNOWN_FACTOR = 1.3
"""Of files that nothing is known about, for what a worker has besides."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one worker takes, in bytes. ``host_bytes`` are in main memory, ``device_bytes`` on each of its GPUs.

    The other figures say what these consist of: ``weights_bytes``; ``kv_bytes`` of ``cells`` tokens with
    ``kv_bytes_per_token`` each, with the states of recurrent models; ``later_bytes``, which fill only with use: ended
    chats in main memory, buffers of large batches and of pictures, what chats with pictures need; and the rest, buffers
    of computations and the processes themselves, of which ``beside_bytes`` are those beside the worker. ``notes`` say
    what the estimate could not take from the files.
    """

    host_bytes: int
    device_bytes: tuple[int, ...] = ()
    weights_bytes: int = 0
    kv_bytes: int = 0
    kv_bytes_per_token: float = 0.0
    cells: int = 0
    later_bytes: int = 0
    beside_bytes: int = 0
    notes: tuple[str, ...] = ()

    @property
    def total_bytes(self) -> int:
        """All of it, on all devices."""
        return self.host_bytes + sum(self.device_bytes)

    @property
    def rest_bytes(self) -> int:
        """What is neither weights nor KV cache."""
        return max(0, self.total_bytes - self.weights_bytes - self.kv_bytes)


def estimate(model: ModelSettings, gpus: int = 0) -> Estimate:
    """What one worker of a model will take, on so many GPUs, or on the CPU alone.

    It reads headers of files, which takes some tenths of a second for a text model with a large vocabulary. A file that
    cannot be read is none of its errors: the estimate then has a note, and goes by the size of the files.
    """
    try:
        return _ESTIMATES.get(model.engine, _unknown)(model, gpus)
    except (ModelError, OSError, ArithmeticError, LookupError, ValueError) as error:
        note = f"by the size of the files: {' '.join(str(error).split())[:200]}"
        return replace(_by_size(model, gpus), notes=(note,))


def _text(model: ModelSettings, gpus: int) -> Estimate:
    return of_placed(place_text(read_shape(model.path), model, gpus))


def of_placed(placed: Placed) -> Estimate:
    """The estimate of a text model whose parts have their places."""
    return Estimate(
        host_bytes=placed.host_bytes,
        device_bytes=placed.device_bytes,
        weights_bytes=placed.weights_bytes,
        kv_bytes=placed.kv_bytes,
        kv_bytes_per_token=placed.kv_bytes_per_token,
        cells=placed.cells,
        later_bytes=placed.later_bytes,
        beside_bytes=placed.beside_bytes,
    )


def _speech(model: ModelSettings, gpus: int) -> Estimate:
    return _of_parts(*speech(model), gpus)


def _pictures(model: ModelSettings, gpus: int) -> Estimate:
    weights, later, process = pictures(model)
    return _of_parts(weights, later, process if gpus else process + KEEPER_BYTES, gpus)


def _onnx(model: ModelSettings, gpus: int) -> Estimate:
    return _of_parts(*files.onnx(model), gpus)


def _unknown(model: ModelSettings, gpus: int) -> Estimate:
    return _of_parts(round(UNKNOWN_FACTOR * files.all_bytes(model)), 0, IDLE_BYTES, gpus)


def _by_size(model: ModelSettings, gpus: int) -> Estimate:
    """The same for a path that cannot be read either."""
    try:
        return _unknown(model, gpus)
    except (OSError, ValueError):
        return _of_parts(0, 0, IDLE_BYTES, gpus)


def _echo(_model: ModelSettings, gpus: int) -> Estimate:
    """The echo engine computes nothing, but takes its place on a GPU as others do, to test what follows from that."""
    return Estimate(IDLE_BYTES, (GPU_CONTEXT_BYTES,) if gpus else ())


def _of_parts(weights_bytes: int, later_bytes: int, process_bytes: int, gpus: int) -> Estimate:
    """A model whose worker uses one GPU at most, for the weights and the buffers together."""
    size = weights_bytes + later_bytes
    if not gpus:
        return Estimate(size + process_bytes, (), weights_bytes, later_bytes=later_bytes)
    on_gpu = size + GPU_CONTEXT_BYTES
    return Estimate(process_bytes + GPU_LIBRARY_BYTES, (on_gpu,), weights_bytes, later_bytes=later_bytes)


_ESTIMATES: dict[str, Callable[[ModelSettings, int], Estimate]] = {
    "llama": _text,
    "embedding": _text,
    "whisper": _speech,
    "diffusion": _pictures,
    "onnx-text": _onnx,
    "onnx-images": _onnx,
    "onnx-speech": _onnx,
    "onnx-embedding": _onnx,
    "echo": _echo,
}
