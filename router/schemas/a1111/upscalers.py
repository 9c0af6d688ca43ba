"""What enlarges pictures, as Automatic1111's clients name it."""

from __future__ import annotations

import re

LATENT_UPSCALERS = {
    "Latent": "latent",
    "Latent (nearest)": "latent_nearest",
    "Latent (nearest-exact)": "latent_nearest_exact",
    "Latent (antialiased)": "latent_antialiased",
    "Latent (bicubic)": "latent_bicubic",
    "Latent (bicubic antialiased)": "latent_bicubic_antialiased",
}
"""Ways to enlarge a picture before its second pass, without a model for it, and this server's own names."""

PLAIN_UPSCALERS = {"None": "lanczos", "Lanczos": "lanczos", "Nearest": "nearest"}
"""The same on pixels. Automatic1111 enlarges with Lanczos, too, where nothing else does."""

MODEL = "model"
"""The ESRGAN model that the served model has."""

_DEFAULT = frozenset({"", "automatic", "use same upscaler"})
_KNOWN = {name.casefold(): own for name, own in {**LATENT_UPSCALERS, **PLAIN_UPSCALERS}.items()}


def hires_upscaler(name: str | None) -> str | None:
    """This server's name of what enlarges a picture before its second pass; None for its own choice.

    All other names mean the model's own upscaler: a worker without one says so.
    """
    key = re.sub(r"\s+", " ", name or "").strip().casefold()
    if key in _DEFAULT:
        return None
    return _KNOWN.get(key, MODEL)
