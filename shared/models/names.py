"""Names of models as users type them: ``Llama-3.2:1B`` is ``llama3.2-1b``, and ``llama2:Q8_0`` has a tag."""

from __future__ import annotations

import re

LATEST = "latest"
"""The tag that clients of Ollama add to a name without one."""

ONNX = "onnx"
"""The word before names of ONNX models; ``onnx:NAME`` marks a single one."""

ONNX_ENDING = f"-{ONNX}"
"""The end of an ONNX model's name beside another model that has the same name."""

_MARK = f"{ONNX}:"
_SEPARATORS = re.compile(r"[-_.:/\s]+")
_QUANT = r"(?:ud-)?(?:i?q\d\w*|tq\d_\w+|b?f16|f32|fp(?:8|16|32)|mxfp4\w*|nvfp4\w*)"
_WITH_TAG = re.compile(rf"(?P<base>.+?)(?::(?P<latest>{LATEST})|[-:.](?P<quant>{_QUANT}))", re.IGNORECASE)
_QUANT_ALONE = re.compile(_QUANT, re.IGNORECASE)
_QUANT_WITHIN = re.compile(rf"(?<![a-z0-9]){_QUANT}(?![a-z0-9])", re.IGNORECASE)
_ROLE = re.compile(r"(?:[-_.:](?:instruct|chat|it|gguf))+", re.IGNORECASE)


def split_mark(name: str) -> tuple[bool, str]:
    """Whether a name is marked as one of an ONNX model, and the name without the mark."""
    found = name[: len(_MARK)].lower() == _MARK
    return found, name[len(_MARK) :] if found else name


def marked(name: str, onnx: bool = True) -> str:
    """The name of a model, with the mark if it is an ONNX model: ``onnx:smollm2``."""
    return f"{_MARK}{split_mark(name)[1]}" if onnx else name


def name_key(name: str) -> str:
    """What equal names have in common: case and the separators ``- _ . : /`` do not matter."""
    return _SEPARATORS.sub("", name.lower())


def split_tag(name: str) -> tuple[str, str]:
    """A name without its tag, and the tag: a quantization, or empty for none and for ``latest``.

    ``llama2:Q8_0`` is ``llama2`` and ``Q8_0``; so is ``llama2-Q8_0``, the usual name of such a file.
    """
    match = _WITH_TAG.fullmatch(name)
    return (match["base"], match["quant"] or "") if match else (name, "")


def without_role(name: str) -> str:
    """A name without what says only that the model answers: ``llama3.1:8b-instruct`` is ``llama3.1:8b``."""
    ends = [match.start() for match in _ROLE.finditer(name) if match.end() == len(name)]
    return name[: ends[0]] if ends else name


def is_quant(text: str) -> bool:
    """Whether ``text`` is a quantization and nothing else."""
    return _QUANT_ALONE.fullmatch(text) is not None


def find_quant(path: str) -> str:
    """The quantization in the name of a file, in upper case; empty if there is none."""
    found = _QUANT_WITHIN.findall(path.rpartition("/")[2])
    return found[-1].upper() if found else ""
