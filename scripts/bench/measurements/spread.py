"""How figures of several rounds are told: their median, and how far they lie apart."""

from __future__ import annotations

import statistics
from collections.abc import Collection


def spread(values: Collection[float], digits: int = 2, unit: str = "") -> str:
    """``"1.06 (0.92 to 1.23)"``: the median, the least and the greatest; ``unit`` stands behind the median."""
    median, least, most = statistics.median(values), min(values), max(values)
    return f"{median:.{digits}f}{unit} ({least:.{digits}f} to {most:.{digits}f})"
