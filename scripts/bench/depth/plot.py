"""What a token costs by its depth, as an SVG: a line for each kind of KV cache, with dots for the bare loop."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from scripts.bench.depth.results import Results
from scripts.bench.depth.tables import COSTS

PANELS = (("prompt_s", "a token of a prompt, ms"), ("answer_s", "a token of an answer, ms"))
COLOURS = ("#1f6fb4", "#d1495b", "#2a9d8f", "#8a6d3b")
WIDTH, HEIGHT, LEFT, TOP, GAP = 340, 220, 50, 30, 70
"""Of a panel, its place, and the space between two, in pixels."""


def draw(results: Results, kinds: Sequence[str], depths: Sequence[int], path: Path) -> None:
    """Write the curves of all kinds and depths that were measured."""
    parts = [_panel(results, kinds, depths, number) for number in range(len(PANELS))]
    for number, kind in enumerate(kinds):
        x = LEFT + number * 160
        parts.append(f'<text x="{x}" y="{TOP + HEIGHT + 50}" fill="{_colour(number)}">{kind} (dots: bare loop)</text>')
    width, height = LEFT + len(PANELS) * (WIDTH + GAP), TOP + HEIGHT + 64
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"'
    style = f'<rect width="{width}" height="{height}" fill="white"/>'
    path.write_text(f'{head} font-size="12">\n{style}\n' + "\n".join(parts) + "\n</svg>\n", "utf-8")


def _panel(results: Results, kinds: Sequence[str], depths: Sequence[int], number: int) -> str:
    key, title = PANELS[number]
    left, bottom = LEFT + number * (WIDTH + GAP), TOP + HEIGHT
    curves = {kind: {d: _pair(results, kind, d, key) for d in depths if results.of(COSTS, kind, d)} for kind in kinds}
    most = max((ms for curve in curves.values() for pair in curve.values() for ms in pair), default=1.0)
    far = max(depths) or 1
    parts = [
        f'<text x="{left}" y="{TOP - 12}">{title}</text>',
        f'<path d="M{left} {TOP}V{bottom}H{left + WIDTH}" fill="none" stroke="black"/>',
    ]
    for depth in depths:
        if depth == 0 or depth >= far / 8:
            x = left + WIDTH * depth / far
            parts.append(f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{depth:,}</text>')
    for share in (0.25, 0.5, 0.75, 1.0):
        y = bottom - HEIGHT * share
        parts.append(f'<path d="M{left} {y:.0f}h{WIDTH}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">{most * share:,.0f}</text>')
    for index, curve in enumerate(curves.values()):
        places = [
            (left + WIDTH * depth / far, *(bottom - HEIGHT * ms / most for ms in pair)) for depth, pair in curve.items()
        ]
        line = " ".join(f"{x:.1f},{ours:.1f}" for x, ours, _ in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{_colour(index)}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{bare:.1f}" r="3" fill="{_colour(index)}"/>' for x, _, bare in places]
    return "\n".join(parts)


def _pair(results: Results, kind: str, depth: int, key: str) -> tuple[float, float]:
    """Milliseconds of the engine and of the bare loop."""
    rounds = results.of(COSTS, kind, depth)
    ours, bare = (1000 * statistics.median(each[by][key] for each in rounds) for by in ("engine", "bare"))
    return ours, bare


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]
