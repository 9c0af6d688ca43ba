"""Transcripts as subtitles: SubRip (SRT) and WebVTT (https://www.w3.org/TR/webvtt1/)."""

from __future__ import annotations

from collections.abc import Sequence

from shared.wire.payloads import Segment


def srt(segments: Sequence[Segment]) -> str:
    """SubRip: a numbered cue per segment that has text, with times as ``HH:MM:SS,mmm``."""
    cues = [
        f"{number}\n{timestamp(segment.start_s, ',')} --> {timestamp(segment.end_s, ',')}\n{cue_text(segment.text)}\n\n"
        for number, segment in enumerate((segment for segment in segments if segment.text.strip()), 1)
    ]
    return "".join(cues)


def vtt(segments: Sequence[Segment]) -> str:
    """WebVTT: the header, then a cue per segment that has text, with times as ``HH:MM:SS.mmm``."""
    cues = [
        f"{timestamp(segment.start_s, '.')} --> {timestamp(segment.end_s, '.')}\n{_escaped(segment.text)}\n\n"
        for segment in segments
        if segment.text.strip()
    ]
    return "WEBVTT\n\n" + "".join(cues)


def timestamp(time_s: float, separator: str) -> str:
    """``time_s`` as ``HH:MM:SS`` and milliseconds, rounded; hours may have more than two digits."""
    milliseconds = max(0, round(time_s * 1000))
    seconds, milliseconds = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{separator}{milliseconds:03}"


def cue_text(text: str) -> str:
    """``text`` on one line, without the arrow that separates a cue's times."""
    return " ".join(text.split()).replace("-->", "->")


def _escaped(text: str) -> str:
    """WebVTT reads ``&`` and ``<`` as markup."""
    return cue_text(text).replace("&", "&amp;").replace("<", "&lt;")
