"""The library's numbers of samplers and schedulers, by their names."""

from __future__ import annotations

import stable_diffusion_cpp as sd_cpp

SAMPLERS = {name: value for name, value in sd_cpp.stable_diffusion.SAMPLE_METHOD_MAP.items() if value is not None}
SCHEDULERS = {name: value for name, value in sd_cpp.stable_diffusion.SCHEDULER_MAP.items() if value is not None}


def name_of(value: int, names: dict[str, int]) -> str:
    """The name of a number among ``names``, or ``unknown``."""
    return next((name for name, number in names.items() if number == value), "unknown")
