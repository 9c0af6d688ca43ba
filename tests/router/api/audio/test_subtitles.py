from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.api.audio.subtitles import srt, timestamp, vtt
from shared.wire.payloads import Segment


def said(text: str, start_s: float = 0.0, end_s: float = 1.0) -> Segment:
    return Segment(0, start_s, end_s, text, [], 0.0, -0.1, 1.0, 0.0)


@pytest.mark.parametrize(
    ("time_s", "written"),
    [
        (0.0, "00:00:00,000"),
        (1.5, "00:00:01,500"),
        (59.9994, "00:00:59,999"),
        (59.9996, "00:01:00,000"),
        (3599.9999, "01:00:00,000"),
        (360_000.0, "100:00:00,000"),
        (-0.1, "00:00:00,000"),
    ],
)
def test_times_are_rounded_to_milliseconds(time_s: float, written: str) -> None:
    assert timestamp(time_s, ",") == written


@given(st.floats(0, 1_000_000))
def test_a_time_reads_back_within_half_a_millisecond(time_s: float) -> None:
    match = re.fullmatch(r"(\d\d+):([0-5]\d):([0-5]\d)\.(\d{3})", timestamp(time_s, "."))
    assert match is not None
    hours, minutes, seconds, milliseconds = map(int, match.groups())
    assert abs(hours * 3600 + minutes * 60 + seconds + milliseconds / 1000 - time_s) <= 0.000501


def test_srt() -> None:
    segments = [said(" Hello,\n world.", 0.0, 1.25), said("  ", 1.25, 1.5), said(" A --> B", 61.0, 3723.004)]
    assert srt(segments) == (
        "1\n00:00:00,000 --> 00:00:01,250\nHello, world.\n\n2\n00:01:01,000 --> 01:02:03,004\nA -> B\n\n"
    )


def test_vtt() -> None:
    assert vtt([said(" Q&A <b> --> end", 0.0, 1.25)]) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nQ&amp;A &lt;b> -> end\n\n"
    )


def test_nothing_said_is_an_empty_file() -> None:
    assert srt([]) == ""
    assert vtt([]) == "WEBVTT\n\n"
