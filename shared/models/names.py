"""Names of models as users type them: ``Llama-3.2:1B`` is ``llama3.2-1b``, and ``llama2:Q8_0`` has a tag."""

from __future__ import annotations

import re

LATEST = "latest"
"""The tag that clients of Ollama add to a name without one."""

_SEPARATORS = re.compile(r"[-_.:/\s]+")
_QUANT = r"(?:ud-)?(?:i?q\d\w*|tq\d_\w+|b?f16|f32|fp(?:8|16|32)|mxfp4\w*|nvfp4\w*)"
_WITH_TAG = re.compile(rf"(?P<base>.+?)(?::(?P<latest>{LATEST})|[-:.](?P<quant>{_QUANT}))", re.IGNORECASE)


def name_key(name: str) -> str:
    """What equal names have in common: case and the separators ``- _ . : /`` do not matter."""
    return _SEPARATORS.sub("", name.lower())


def split_tag(name: str) -> tuple[str, str]:
    """A name without its tag, and the tag: a quantization, or empty for none and for ``latest``.

    ``llama2:Q8_0`` is ``llama2`` and ``Q8_0``; so is ``llama2-Q8_0``, the usual name of such a file.
    """
    match = _WITH_TAG.fullmatch(name)
    return (match["base"], match["quant"] or "") if match else (name, "")
