"""Cutting texts at any places, as tokens do."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st

S = TypeVar("S", str, bytes)


def pieces_of(whole: S) -> st.SearchStrategy[list[S]]:
    """``whole`` cut at any places, also twice at the same."""
    places = st.lists(st.integers(0, len(whole)), max_size=8).map(sorted)
    return places.map(lambda cuts: [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)])
