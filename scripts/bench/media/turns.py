"""The turns of a chat with a picture, and another chat with it: what is computed again."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.bench.media.engines import ask, picture_file, question, said
from workers.llama.engine import LlamaEngine


@dataclass(frozen=True, slots=True)
class PictureTurns:
    """Seconds to the first token of a first and a second turn, and of another chat with the same picture.

    ``encoded`` are the pieces that were computed in each of them, ``cached`` the share of the second turn's prompt.
    """

    first_s: float
    second_s: float
    other_s: float
    encoded: tuple[int, int, int]
    cached: float


def picture_turns(engine: LlamaEngine, seed: int) -> PictureTurns:
    """One round with a new picture.

    Raises:
        RuntimeError: a job failed.
    """
    blobs = [picture_file(1_000_000 + seed)]
    counts = [engine.stats().media_encoded]
    first = ask(engine, question(), blobs)
    counts.append(engine.stats().media_encoded)
    later = [*question(), said("assistant", first.text), said("user", "Which colours does it have?")]
    second = ask(engine, later, blobs)
    counts.append(engine.stats().media_encoded)
    other = ask(engine, question("Answer in French, in one sentence."), blobs)
    counts.append(engine.stats().media_encoded)
    encoded = counts[1] - counts[0], counts[2] - counts[1], counts[3] - counts[2]
    return PictureTurns(first.ttft_s, second.ttft_s, other.ttft_s, encoded, second.cached_tokens / second.prompt_tokens)
