"""Sizes as people read them."""

from __future__ import annotations


def rounded_bytes(size_bytes: int) -> str:
    """A rounded size in decimal units, as disks and hubs count: ``98.4 MB``."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"
