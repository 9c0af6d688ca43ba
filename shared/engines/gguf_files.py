"""GGUF files, which several engines open: their parts, and which model of several to choose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from shared.engines.files import Candidate, HubFile, Listing
from shared.engines.helper_files import HelperFileError, helper_by_header, helper_by_name, lost_part, without_helpers
from shared.errors import ModelError
from shared.gguf.header import read_gguf_header

_PREFERRED_QUANT = "q4_k_m"
_OTHER_NAMES = {"fp16": "f16", "fp32": "f32"}
"""Quantizations as other tools name them, and as GGUF files do. ``f16`` is a part of ``bf16``."""
_FEW_BITS = re.compile(r"(?<![a-z0-9])(i?q[123]|tq[12])_", re.IGNORECASE)
_PART_PATTERN = re.compile(r"(?P<stem>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf", re.IGNORECASE)


def split_parts(name: str) -> list[str]:
    """Names of all parts of the split GGUF that ``name`` is a part of; ``[name]`` if it is not split."""
    return list(each_part(name))


def each_part(name: str) -> Iterator[str]:
    """The same, one after the other: a name may claim to have very many parts."""
    match = _PART_PATTERN.fullmatch(name)
    count = int(match["parts"]) if match else 0
    if match is None or count == 0:
        yield name
        return
    for part in range(1, count + 1):
        yield f"{match['stem']}-{part:05}-of-{count:05}{name[-5:]}"


def read_gguf(path: Path) -> Candidate:
    """Read the headers of the GGUF file ``path`` and of all its parts.

    Raises:
        ModelError: a part is missing; :class:`HelperFileError` if the file only accompanies a model.
        GGUFError: a part is damaged or truncated.
    """
    names = split_parts(path.name)
    missing = [name for name in names if not (path.parent / name).is_file()]
    if missing:
        found = len(names) - len(missing)
        raise ModelError(f"{path.name}: expected {len(names)} parts in one folder, got {found}; missing: {missing[0]}")
    headers = [read_gguf_header(path.parent / name) for name in names]
    first = headers[0]
    helper, lost = helper_by_header(first), lost_part(first, len(names))
    if helper is not None:
        raise HelperFileError(f"{path.name}: expected a model, got {helper}")
    if lost is not None:
        raise ModelError(f"{path.name}: expected a model, got {lost}")
    return Candidate(first.path, first, frozenset(tensor.name for header in headers for tensor in header.tensors))


def find_gguf(folder: Path) -> Path | None:
    """The GGUF model in ``folder``, or None. Raises :class:`ModelError` if it holds several models."""
    ggufs = sorted(file for file in folder.glob("[!.]*") if file.suffix.lower() == ".gguf" and file.is_file())
    ggufs = without_helpers(ggufs, lambda file: file.name) or ggufs
    firsts = [file for file in ggufs if split_parts(file.name)[0] == file.name] or ggufs[:1]
    if len(firsts) > 1:
        firsts = [file for file in firsts if helper_by_header(read_gguf_header(file)) is None] or firsts
    if len(firsts) > 1:
        names = ", ".join(file.name for file in firsts[:5])
        raise ModelError(f"{folder}: expected one GGUF model, got {len(firsts)}; name one of them: {names}")
    return firsts[0] if firsts else None


def choose_gguf(listing: Listing) -> list[HubFile]:
    """All parts of one GGUF model: Q4_K_M, else the smallest with at least 4 bits per weight, else the smallest.

    Raises:
        ModelError: the repository lacks a part, or the pattern names only a file that accompanies a model.
    """
    usual = _OTHER_NAMES.get(listing.pattern.lower(), "")
    matching = listing.matching(".gguf") or (replace(listing, pattern=usual).matching(".gguf") if usual else [])
    ggufs = without_helpers(matching, lambda file: file.path)
    if listing.pattern and matching and not ggufs:
        name = matching[0].path
        raise ModelError(
            f"hf:{listing.repo}: expected a model that matches {listing.pattern!r}, got {name}, {helper_by_name(name)}"
        )
    by_path = {file.path: file for file in listing.files}
    models: dict[str, list[HubFile]] = {}
    for file in ggufs:
        folder, slash, name = file.path.rpartition("/")
        parts = [folder + slash + part for part in split_parts(name)[: len(listing.files) + 1]]
        missing = [part for part in parts if part not in by_path]
        if missing:
            raise ModelError(f"hf:{listing.repo}: expected all parts of {file.path}, got none called {missing[0]}")
        models[parts[0]] = [by_path[part] for part in parts]
    return min(models.items(), key=lambda model: _rank(*model), default=("", []))[1]


def _rank(path: str, parts: Sequence[HubFile]) -> tuple[int, int, str]:
    lowered = path.lower()
    few_bits = _FEW_BITS.search(lowered) is not None
    rank = 0 if _PREFERRED_QUANT in lowered else 1 + few_bits
    return rank, sum(part.size_bytes for part in parts), path
