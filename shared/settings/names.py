"""Replaces former names of options by their current ones."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.settings.option import DeclaredOption


@dataclass(frozen=True)
class Given:
    """The values of one source by option name, how each name was written, and warnings about former names."""

    values: dict[str, Any]
    origins: dict[str, str]
    warnings: tuple[str, ...]


def resolve_names(raw: Mapping[str, Any], options: Mapping[str, DeclaredOption], spell: Callable[[str], str]) -> Given:
    """Find the options in ``raw`` under their current or former names. The current name wins.

    Args:
        raw: values by name; unknown names are ignored.
        options: the options by name.
        spell: turns a name into what the user writes in this source.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    warnings: list[str] = []
    for name, option in options.items():
        former = option.spec.former
        if former is not None and former.name in raw:
            given = raw[former.name]
            values[name] = given if option.is_list else former.convert(given)
            origins[name] = spell(former.name)
            if spell(former.name) != spell(name):
                warnings.append(
                    f"{spell(former.name)} is now {spell(name)}; the old name stops working in the next release"
                )
        if name in raw:
            values[name], origins[name] = raw[name], spell(name)
    return Given(values, origins, tuple(warnings))


def nearest(name: str, names: Iterable[str]) -> str:
    """The most similar of ``names``, at least one."""
    return difflib.get_close_matches(name, list(names), n=1, cutoff=0.0)[0]
