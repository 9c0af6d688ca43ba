"""Which of several projectors belongs to a model, and how precise a file is, by the names of files alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence, Set
from typing import TypeVar

from shared.engines.gguf_files import each_part
from shared.engines.helper_files import PROJECTOR, helper_by_name
from shared.models.names import find_quant, name_key

F = TypeVar("F")

MAX_READ = 16
"""The most models in a folder that are looked into for a projector that is not called like one."""

USUAL_BITS = 16
"""Of a projector whose name does not tell."""

LEAST_KIN = 4
"""Length of the shortest name that may be a part of another one for a reason: ``phi4``."""

_SAYS_LITTLE = re.compile(
    r"(?<![a-z0-9])(mm-?proj\w*?|model|ggml|gguf|text|vision|audio|projector|encoder|instruct|it|chat)(?![a-z0-9])"
)
_PART = re.compile(r"-\d{5}-of-\d{5}$")
_DIGITS = re.compile(r"\d+")


def named_projector(path: str) -> bool:
    """Whether a file, or its folder, is called like a projector."""
    return helper_by_name(path) == PROJECTOR


def of_model(model: str, projectors: Sequence[str], others: Iterable[str]) -> list[str]:
    """The projectors that may belong to a model, by the names of the files that lie together.

    They are those that share its name. Where none does, they are all, unless one of ``others`` is another model, not
    the same in another precision.
    """
    return _of_key(_key(model), projectors, {_key(other) for other in others})


class NamesBeside:
    """The names of the files in a folder, for all models in it: which of the others may be a model's projector.

    Files that are called like projectors are taken at their word. Where there are none, any other GGUF file may be
    one, if they are few enough to look into.
    """

    def __init__(self, names: Iterable[str]) -> None:
        ggufs = first_parts(names)
        self._projectors = [name for name in ggufs if named_projector(name)]
        self._models = [name for name in ggufs if helper_by_name(name) is None]
        self._keys = {_key(name) for name in self._models} if self._projectors else set()

    def of(self, model: str) -> list[str]:
        """The files to choose the projector of ``model`` from."""
        if self._projectors:
            return _of_key(_key(model), self._projectors, self._keys)
        return [name for name in self._models if name != model] if len(self._models) <= MAX_READ else []


def first_parts(names: Iterable[str]) -> list[str]:
    """The GGUF files among ``names``, split ones by their first part."""
    return [name for name in names if name.lower().endswith(".gguf") and next(each_part(name)) == name]


def bits_by_name(path: str) -> int:
    """The bits of a weight, by the quantization in a file's name: 16 for ``mmproj-F16.gguf``; 0 without one."""
    digits = _DIGITS.search(find_quant(path))
    return int(digits[0]) if digits else 0


def nearest(candidates: Iterable[F], bits_of: Callable[[F], int], name_of: Callable[[F], str], wanted_bits: int) -> F:
    """The candidate whose precision is nearest to ``wanted_bits`` from above, else the most precise.

    Of equal ones, it is F16 rather than BF16, which older devices do not compute with. ``candidates`` is not empty.
    """

    def rank(candidate: F) -> tuple[bool, int, bool, str]:
        distance = (bits_of(candidate) or USUAL_BITS) - wanted_bits
        name = name_of(candidate)
        return distance < 0, abs(distance), find_quant(name) == "BF16", name

    return min(candidates, key=rank)


def _of_key(own: str, projectors: Sequence[str], others: Set[str]) -> list[str]:
    kin = [projector for projector in projectors if _are_kin(own, _key(projector))]
    return kin or ([] if others - {own} else list(projectors))


def _are_kin(model: str, projector: str) -> bool:
    """Whether one name says no more than the other: ``gemma34b`` of a projector for ``googlegemma34b``."""
    shorter, longer = sorted((model, projector), key=len)
    return model == projector or (len(shorter) >= LEAST_KIN and shorter in longer)


def _key(path: str) -> str:
    """What a file's name says of the model: without its precision, its part, and what is in many names."""
    name = path.rpartition("/")[2]
    stem = _PART.sub("", name[:-5] if name.lower().endswith(".gguf") else name)
    quant = find_quant(stem)
    if quant:
        start = stem.upper().rindex(quant)
        stem = f"{stem[:start]}-{stem[start + len(quant) :]}"
    return name_key(_SAYS_LITTLE.sub("-", stem.lower()))
