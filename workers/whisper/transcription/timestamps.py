"""Split what Whisper wrote for a chunk into pieces of text at its timestamp tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace

TIMESTAMP_STEP_S = 0.02
"""What the timestamp tokens count in."""

MIN_PROGRESS_S = 0.1
"""A next chunk that would begin sooner than this after its predecessor would hear the same again."""


@dataclass(frozen=True, slots=True)
class TimedText:
    """Text between two timestamps; times are relative to the chunk, ``tokens`` include the timestamps."""

    start_s: float
    end_s: float
    tokens: list[int]


@dataclass(frozen=True, slots=True)
class Split:
    """The pieces of a chunk, and up to where they tell what was said (where a sequential reader goes on).

    With ``keep_tail`` that is the last timestamp, even if the model holds the rest for silence.
    """

    pieces: list[TimedText]
    heard_s: float


def split_at_timestamps(tokens: list[int], timestamp_begin: int, duration_s: float, keep_tail: bool) -> Split:
    """Split ``tokens`` at those from ``timestamp_begin`` (0.00 s) on.

    A piece runs from one timestamp to the next; two in a row end one piece and begin another. Text after the last
    timestamp was cut off by the end of the chunk: it becomes a last piece up to ``duration_s`` with ``keep_tail`` or
    where it is all there is, and else is dropped, to be heard again. What Whisper claims to have heard after the end
    of the sound is dropped. (As in section 3.8 of the Whisper paper, https://arxiv.org/abs/2212.04356.)
    """
    closed, tail, tail_start_s = _walk(tokens, timestamp_begin)
    heard_s = duration_s
    if tail and (keep_tail or not closed):
        closed.append(TimedText(tail_start_s, duration_s, tail))
    elif closed and (keep_tail or _ends_open(tokens, timestamp_begin)):
        heard_s = min(closed[-1].end_s, duration_s)
    clipped = [replace(piece, end_s=min(piece.end_s, duration_s)) for piece in closed]
    pieces = [piece for piece in clipped if piece.end_s > piece.start_s]
    return Split(pieces, heard_s if heard_s >= MIN_PROGRESS_S else duration_s)


def _walk(tokens: list[int], timestamp_begin: int) -> tuple[list[TimedText], list[int], float]:
    """The pieces that a timestamp closes, then the tokens after the last of them that hold text, and their start."""
    closed: list[TimedText] = []
    current: list[int] = []
    start_s = 0.0
    has_text = False
    for token in tokens:
        current.append(token)
        if token < timestamp_begin:
            has_text = True
            continue
        time_s = (token - timestamp_begin) * TIMESTAMP_STEP_S
        if has_text:
            closed.append(TimedText(start_s, time_s, current))
            has_text = False
            current = []
        else:
            current = [token]
        start_s = time_s
    return closed, current if has_text else [], start_s


def _ends_open(tokens: list[int], timestamp_begin: int) -> bool:
    """Whether the text goes on after the last closed piece; a single timestamp at the end says that it does not."""
    return not (len(tokens) >= 2 and tokens[-2] < timestamp_begin <= tokens[-1])
