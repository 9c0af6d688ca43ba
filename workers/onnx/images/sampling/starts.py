"""How strong the noise is that a picture begins with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_NOISE_ALONE = ("linspace", "trailing")
_KARRAS_VARIABLES = ("Euler", "Heun", "KDPM2", "LMS")
"""Parts of the names of diffusers' schedulers that begin with noise alone with these spacings: the variance of a
picture is missing."""


def first_scale(config: Mapping[str, Any], sigma: float) -> float:
    """What the noise is multiplied by at the first ``sigma``, as the folder's scheduler does it."""
    kind = str(config.get("_class_name", ""))
    if any(part in kind for part in _KARRAS_VARIABLES) and config.get("timestep_spacing", "linspace") in _NOISE_ALONE:
        return sigma
    return math.sqrt(1 + sigma**2)
