"""Split the tokens of a chunk at Whisper's timestamp tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace

TIMESTAMP_STEP_S = 0.02
"""The unit of timestamp tokens."""

MIN_PROGRESS_S = 0.1
"""If the text covers less than this, the next chunk skips the whole current one, as it would give the same result."""


@dataclass(frozen=True, slots=True)
class TimedText:
    """Text between two timestamps, in seconds from the beginning of the chunk. ``tokens`` include the timestamps."""

    start_s: float
    end_s: float
    tokens: list[int]


@dataclass(frozen=True, slots=True)
class Split:
    """The texts of a chunk, and the time up to which they cover it (where the next sequential chunk begins)."""

    texts: list[TimedText]
    heard_s: float


def split_at_timestamps(tokens: list[int], timestamp_begin: int, duration_s: float, keep_tail: bool) -> Split:
    """Split ``tokens`` at those from ``timestamp_begin`` (0.00 s) on.

    A text runs from one timestamp to the next; two timestamps in a row end one text and begin another. Text after the
    last timestamp was cut off by the end of the chunk. With ``keep_tail``, or if there is no other text, it is kept and
    ends at ``duration_s``; otherwise it is dropped and transcribed again with the next chunk. Text after the end of the
    sound is dropped. See section 3.8 of the Whisper paper, https://arxiv.org/abs/2212.04356.

    With ``keep_tail``, the covered time ends at the last timestamp even if the model marks the rest as silence.
    """
    closed, tail, tail_start_s = _walk(tokens, timestamp_begin)
    heard_s = duration_s
    if tail and (keep_tail or not closed):
        closed.append(TimedText(tail_start_s, duration_s, tail))
    elif closed and (keep_tail or _ends_open(tokens, timestamp_begin)):
        heard_s = min(closed[-1].end_s, duration_s)
    clipped = [replace(text, end_s=min(text.end_s, duration_s)) for text in closed]
    texts = [text for text in clipped if text.end_s > text.start_s]
    return Split(texts, heard_s if heard_s >= MIN_PROGRESS_S else duration_s)


def _walk(tokens: list[int], timestamp_begin: int) -> tuple[list[TimedText], list[int], float]:
    """The texts closed by a timestamp, then the tokens after the last of them if they hold text, and their start."""
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
    """Whether there is speech after the last closed text; a single timestamp at the end says that there is none."""
    return not (len(tokens) >= 2 and tokens[-2] < timestamp_begin <= tokens[-1])
