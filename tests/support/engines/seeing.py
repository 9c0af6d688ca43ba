"""Engines with a made-up projector. Their model has no rounding: it is a hash function of all that it has seen."""

from __future__ import annotations

import io
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from shared.wire.jobs import MediaKind, Sampling, TextJob
from shared.wire.payloads import Done, Failed, Started, Tokens
from workers.engine import DiskPlace, EngineJob
from workers.llama.engine import LlamaEngine
from workers.llama.native.model import LlamaModel
from workers.llama.options import LlamaOptions
from workers.text.media.media import DecodedMedium, DecodedPicture
from workers.text.media.projector import MediaChunk
from workers.text.model import BatchSlice, DecoderSize

LIKELY_TOKENS = 20
WIDTH = 4
BEFORE, AFTER = 40, 41
"""The tokens around the chunks of a medium."""


@dataclass(frozen=True)
class SeenChunk:
    """A chunk of ``rows`` x ``columns`` embeddings; with ``sections``, positions have rows and columns."""

    key: bytes
    rows: int
    columns: int
    is_causal: bool
    sections: int

    @property
    def length(self) -> int:
        return self.rows * self.columns

    @property
    def positions(self) -> int:
        return self.length if self.sections == 1 else max(self.rows, self.columns)

    def position_rows(self, start: int) -> NDArray[np.int32]:
        if self.sections == 1:
            return np.arange(start, start + self.length, dtype=np.int32)[None]
        row, column = np.divmod(np.arange(self.length, dtype=np.int32), self.columns)
        zeros = np.zeros(self.length, np.int32)
        return np.stack([zeros + start, start + row, start + column, zeros])


@dataclass
class SeenProjector:
    """Two chunks for each medium, of other sizes. ``between`` is called at each of ``nodes`` while one is encoded."""

    media: tuple[MediaKind, ...] = ("image", "audio")
    sample_rate: int = 16_000
    rows: int = 6
    columns: int = 8
    is_causal: bool = True
    sections: int = 1
    nodes: int = 3
    between: Callable[[], None] = lambda: None
    changed: Callable[[NDArray[np.float32]], NDArray[np.float32]] = lambda embeddings: embeddings
    encoded: list[bytes] = field(default_factory=list)
    stopped: int = 0
    seen: list[DecodedMedium] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def chunks(self, medium: DecodedMedium) -> list[list[int] | MediaChunk]:
        with self.lock:
            self.seen.append(medium)
        sizes = [(self.rows, self.columns), (self.rows, 1)]
        chunks = [
            SeenChunk(sha256(medium.digest + bytes([place])).digest(), *size, self.is_causal, self.sections)
            for place, size in enumerate(sizes)
        ]
        return [[BEFORE], chunks[0], [AFTER, -1], chunks[1], [AFTER]]

    def encode(self, chunk: MediaChunk, go_on: Callable[[], bool]) -> NDArray[np.float32] | None:
        for _ in range(self.nodes):
            self.between()
            if not go_on():
                self.stopped += 1
                return None
        self.encoded.append(chunk.key)
        random = np.random.default_rng(int.from_bytes(chunk.key[:8]))
        return self.changed(random.normal(size=(chunk.length, WIDTH)).astype(np.float32))

    def close(self) -> None:
        """There is nothing to free."""


class SeeingMemory:
    """The cells of each sequence: position, the last of the positions that it takes, and a number of its content."""

    shares_cells = can_cut = True

    def __init__(self) -> None:
        self.cells: dict[int, list[tuple[int, int, int]]] = {}

    def end(self, sequence: int) -> int:
        """The position of the next token."""
        return max((last + 1 for _, last, _ in self.cells.get(sequence, ())), default=0)

    def append(self, sequence: int, cells: list[tuple[int, int, int]]) -> None:
        """Compute some."""
        self.cells.setdefault(sequence, []).extend(cells)

    def copy_prefix(self, source: int, target: int, length: int) -> None:
        self.append(target, [cell for cell in self.cells[source] if cell[0] < length])

    def remove(self, sequence: int) -> None:
        self.cells.pop(sequence, None)

    def cut(self, sequence: int, begin: int, end: int) -> None:
        self.cells[sequence] = [cell for cell in self.cells[sequence] if not begin <= cell[0] < end]

    def state_bytes(self, sequence: int) -> int:
        return 24 * len(self.cells[sequence])

    def save(self, sequence: int) -> NDArray[np.uint8]:
        return np.array(self.cells[sequence], np.int64).reshape(-1).view(np.uint8)

    def load(self, sequence: int, state: NDArray[np.uint8]) -> bool:
        self.cells[sequence] = [(cell[0], cell[1], cell[2]) for cell in state.view(np.int64).reshape(-1, 3).tolist()]
        return True


class SeeingDecoder:
    """Logits depend on all tokens and embeddings of a sequence, and on their positions.

    It checks that each sequence goes on where it ended. ``widths`` has the size of each batch, negative for embeddings.
    """

    def __init__(self, vocabulary_size: int) -> None:
        self.memory = SeeingMemory()
        self.widths: list[int] = []
        self._size = vocabulary_size

    def decode(self, slices: list[BatchSlice]) -> NDArray[np.float32]:
        self.widths.append(sum(len(part.tokens) for part in slices))
        rows = []
        for part in slices:
            assert self.memory.end(part.cache_id) == part.start
            assert min(part.tokens) >= 0
            for index, token in enumerate(part.tokens):
                place = part.start + index
                self.memory.append(part.cache_id, [(place, place, token)])
                if index >= len(part.tokens) - part.outputs:
                    rows.append(self._logits(part.cache_id))
        return np.array(rows, np.float32).reshape(len(rows), self._size)

    def decode_embeddings(
        self,
        sequence_id: int,
        embeddings: NDArray[np.float32],
        positions: NDArray[np.int32],
        wants_logits: bool,
        causal: bool,
    ) -> NDArray[np.float32]:
        self.widths.append(-len(embeddings))
        assert positions.shape[1] == len(embeddings)
        contents = [zlib.crc32(row.tobytes()) for row in embeddings]
        last = positions.max(axis=0)
        self.memory.append(sequence_id, list(zip(positions[0].tolist(), last.tolist(), contents, strict=True)))
        return np.array([self._logits(sequence_id)] if wants_logits else [], np.float32).reshape(-1, self._size)

    def close(self) -> None:
        """There is nothing to free."""

    def _logits(self, sequence: int) -> NDArray[np.float32]:
        cells = sorted(self.memory.cells[sequence])
        random = np.random.default_rng(zlib.crc32(np.array(cells, np.int64).tobytes()))
        logits = random.normal(0, 1, self._size)
        logits[300 + np.arange(LIKELY_TOKENS)] += 12 + random.normal(0, 2, LIKELY_TOKENS)
        return logits.astype(np.float32)


@contextmanager
def seeing_engine(
    model_path: Path, projector: SeenProjector | None, place: DiskPlace | None = None, **options: Any
) -> Iterator[LlamaEngine]:
    """An engine, closed afterwards, that keeps chats at a ``place`` on disk."""
    with pytest.MonkeyPatch.context() as patch:
        model = LlamaModel(str(model_path), LlamaOptions(str(model_path), 1, 1).native, lambda _: None)
        size = model.vocabulary.size
        model.close()

        def open_decoder(_model: LlamaModel, _size: DecoderSize) -> SeeingDecoder:
            return SeeingDecoder(size)

        patch.setattr(LlamaModel, "open_decoder", open_decoder)
        patch.setattr(LlamaModel, "projector", projector, raising=False)
        loaded = LlamaEngine(LlamaOptions(str(model_path), 2, **{"slots": 4, "context_tokens": 1024, **options}))
        if place is not None:
            loaded.keep_on_disk(place)
        loaded.load(lambda _fraction: None)
        yield loaded
        loaded.close()


def png(colour: str = "red", size: tuple[int, int] = (12, 8)) -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def chat(*contents: str | list[Any], max_tokens: int = 8, **options: Any) -> TextJob:
    """A chat of a user and an assistant in turns. Parts of a content are texts, or the places of pictures."""
    messages = [
        {"role": ("user", "assistant")[place % 2], "content": content if isinstance(content, str) else _parts(content)}
        for place, content in enumerate(contents)
    ]
    return TextJob(messages=messages, sampling=Sampling(temperature=0.7, seed=3), max_tokens=max_tokens, **options)


def _parts(content: list[Any]) -> list[dict[str, Any]]:
    return [
        {"type": "text", "text": part} if isinstance(part, str) else {"type": "image", "blob": part} for part in content
    ]


@dataclass
class SeenAnswer:
    """What a job was told."""

    started: Started | None = None
    text: str = ""
    tokens: list[int] = field(default_factory=list)
    done: Done | None = None
    failed: Failed | None = None

    def take(self, payload: object) -> None:
        match payload:
            case Started():
                self.started = payload
            case Tokens():
                self.text += payload.text
                self.tokens += payload.token_ids
            case Done():
                self.done = payload
            case Failed():
                self.failed = payload

    @property
    def cached(self) -> int:
        """The tokens of the prompt that came from the cache."""
        assert self.started is not None
        return self.started.cached_tokens


def answers(
    engine: LlamaEngine, jobs: dict[str, EngineJob], each: Callable[[], None] | None = None
) -> dict[str, SeenAnswer]:
    """The answers to jobs that are given at once; ``each`` is called behind each step."""
    found = {job_id: SeenAnswer() for job_id in jobs}
    for job in jobs.values():
        engine.submit(job)
    while engine.has_work():
        for job_id, payload in engine.step():
            found[job_id].take(payload)
        if each is not None:
            each()
    return found


def answer(engine: LlamaEngine, job: TextJob, blobs: Sequence[bytes] = (), **given: Any) -> SeenAnswer:
    """The answer to one job with these files."""
    return answers(engine, {"job": EngineJob("job", job, blobs=[memoryview(blob) for blob in blobs], **given)})["job"]


def picture_of(projector: SeenProjector) -> NDArray[np.uint8]:
    """The pixels of the last picture that the projector got."""
    medium = projector.seen[-1]
    assert isinstance(medium, DecodedPicture)
    return medium.pixels
