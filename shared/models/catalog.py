"""The catalog: models that users can name without a source."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

from shared.engines.files import has_word
from shared.engines.llama import LLAMA
from shared.engines.registry import find_engine
from shared.errors import ModelError
from shared.kinds import JobKind
from shared.models.names import ONNX, marked, name_key, split_mark, split_tag, without_role
from shared.models.source import HubSource, PathSource, Source, parse_source
from shared.wire.jobs import MediaKind

CATALOG_PATH = Path(__file__).with_name("catalog.toml")
BARE_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(:.+)?")
"""A hub repository without the ``hf:`` before it."""

MIN_LIKENESS_OF_WORD = 0.7
"""From which likeness on a name may be a slip of the word ``onnx``: ``onxn``, ``onx``, ``onnnx``."""

MAX_SIZES = 8
"""How many sizes of a family a hint lists."""


class UnknownModelError(ModelError):
    """A name that is not in the catalog, and neither a path nor a source."""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A model of the catalog. ``size_bytes`` is the approximate size of a download. ONNX models have marked names.

    ``media`` is what a text model takes with the projector of its repository. ``parts`` are the other files of an image
    model, each as the name of its option and its source, ``defaults`` the values of other options.
    """

    name: str
    kinds: tuple[JobKind, ...]
    engine: str
    source: Source
    licence: str
    size_bytes: int
    aliases: tuple[str, ...] = ()
    sha256: str | None = None
    note: str = ""
    media: tuple[MediaKind, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    defaults: tuple[tuple[str, str | int | float], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its aliases. An alias ``maker/model`` is also the name ``model``."""
        models = (alias.partition("/")[2] for alias in self.aliases if "/" in alias)
        return (self.name, *self.aliases, *(marked(model, self.source.onnx) for model in models))


class Catalog:
    """Entries by name. Names ignore case and the separators ``- _ . : /``: ``Llama-3.2:1B`` is ``llama3.2-1b``.

    A quantization may follow a name, and so may ``instruct``, ``chat``, ``it`` and ``gguf``, which say nothing here:
    ``llama2:Q8_0``, ``llama3.1:8b-instruct-q4_K_M``. A maker may stand before it: ``google/gemma-3-4b``. ONNX models
    are found by marked names, ``onnx:phi4-mini``, and only by those.
    """

    def __init__(self, entries: Iterable[CatalogEntry]) -> None:
        self._entries: dict[str, CatalogEntry] = {}
        self._by_key: dict[str, CatalogEntry] = {}
        self._makers: set[str] = set()
        for entry in entries:
            self._entries[entry.name] = entry
            self._makers |= {split_mark(alias)[1].partition("/")[0].lower() for alias in entry.aliases if "/" in alias}
            for name in entry.names:
                other = self._by_key.setdefault(name_key(name), entry)
                if other is not entry:
                    raise ValueError(f"catalog: {name!r}: expected one entry, got {other.name} and {entry.name}")

    def __iter__(self) -> Iterator[CatalogEntry]:
        return iter(self._entries.values())

    def find(self, name: str) -> CatalogEntry | None:
        """The entry with this name or alias, or None. With a quantization, the entry of that file in its repository.

        Raises:
            ModelError: the model has no other files than those of its entry.
        """
        entry = self.named(name)
        if entry is not None:
            return entry
        base, quant = split_tag(name)
        entry = self.named(base)
        return entry if entry is None or not quant else _with_quant(entry, quant)

    def get(self, name: str) -> CatalogEntry:
        """The entry with this name or alias. Raises :class:`UnknownModelError`, which suggests the nearest name."""
        entry = self.find(name)
        if entry is None:
            command = f"nexa list {ONNX}" if split_mark(name)[0] else "nexa list"
            raise UnknownModelError(
                f"model: expected a name of the catalog, got {name!r}{self._hint(name)}; all names: {command}"
            )
        return entry

    def named(self, name: str) -> CatalogEntry | None:
        """The entry with this name or alias, which has no tag, or None."""
        onnx, unmarked = split_mark(name)
        maker, _, model = unmarked.partition("/")
        names = (name, marked(model, onnx)) if maker.lower() in self._makers else (name,)
        found = (self._by_key.get(name_key(short)) for full in names for short in (full, without_role(full)))
        return next((entry for entry in found if entry is not None), None)

    def _hint(self, name: str) -> str:
        onnx, unmarked = split_mark(name)
        before, at, option = unmarked.rpartition("@")
        if at and self.find(before) is not None:
            return f" (options of a model need a value: {before}@{option or 'OPTION'}=VALUE)"
        if not onnx and difflib.get_close_matches(name.lower(), [ONNX], cutoff=MIN_LIKENESS_OF_WORD):
            return f" (did you mean the word {ONNX}, which stands before ONNX models?)"
        if unmarked.lower().startswith(("hf.co/", "huggingface.co/")):
            return " (a repository is hf.co/OWNER/NAME)"
        if BARE_REPO.fullmatch(unmarked):
            return f" (did you mean {marked(f'hf:{unmarked}', onnx)}?)"
        other = self.named(split_tag(unmarked if onnx else marked(name))[0])
        if other is not None:
            return f" (did you mean {other.name}, which is {'no' if onnx else 'an'} ONNX model?)"
        sizes = self._sizes(split_tag(name)[0])
        if sizes:
            return f" (did you mean {', '.join(sizes[:MAX_SIZES])}{', ...' if len(sizes) > MAX_SIZES else ''}?)"
        keys = [name_key(split_tag(name)[0]), name_key(name)]
        known = [key for key, entry in self._by_key.items() if entry.source.onnx == onnx]
        near = [key for wanted in keys for key in difflib.get_close_matches(wanted, known, n=1)]
        names = [alias for alias in self._by_key[near[0]].names if name_key(alias) == near[0]] if near else []
        return f" (did you mean {names[0]}?)" if names else ""

    def _sizes(self, name: str) -> list[str]:
        """The names of a family of which ``name``, like ``qwen3:7b``, has a size that there is not."""
        onnx, unmarked = split_mark(name.lower())
        family, colon, _ = unmarked.partition(":")
        if not colon:
            return []
        beginning = marked(f"{family}-", onnx)
        return [entry.name for entry in self if any(f"{own}-".startswith(beginning) for own in entry.names)]


@cache
def load_catalog(path: Path = CATALOG_PATH) -> Catalog:
    """Read a catalog, by default the one of this package. Raises ``ValueError`` if an entry is wrong."""
    with path.open("rb") as file:
        document = tomllib.load(file)
    return Catalog(_read_entry(row) for row in document["model"])


def _with_quant(entry: CatalogEntry, quant: str) -> CatalogEntry:
    if has_word(str(entry.source), quant):
        return entry
    if not isinstance(entry.source, HubSource):
        given = f"{entry.name}:{quant}"
        raise ModelError(
            f"model: expected {entry.name}, which has one file, got {given!r}; for others: hf:owner/repo:{quant}"
        )
    source = HubSource(entry.source.repo, quant.upper(), entry.source.onnx)
    return replace(entry, name=f"{entry.name}:{source.pattern}", aliases=(), source=source, sha256=None, note="")


def _read_entry(row: dict[str, Any]) -> CatalogEntry:
    kinds = tuple(JobKind(kind) for kind in row["kinds"])
    engine = find_engine(row["engine"])
    onnx = engine is not None and engine.onnx
    source = parse_source(marked(row["source"], onnx))
    names = {"name": marked(row["name"], onnx), "aliases": tuple(marked(a, onnx) for a in row.get("aliases", ()))}
    media = tuple(row.get("media", ()))
    tables = {name: tuple(row.get(name, {}).items()) for name in ("parts", "defaults")}
    entry = CatalogEntry(**{**row, **names, **tables, "kinds": kinds, "source": source, "media": media})
    if engine is None or not kinds or not set(kinds) <= set(engine.kinds):
        raise ValueError(
            f"catalog: {entry.name}: expected an engine and kinds that it runs, got {entry.engine!r} and {row['kinds']}"
        )
    if media and (entry.engine != LLAMA.name or not set(media) <= set(get_args(MediaKind))):
        raise ValueError(f"catalog: {entry.name}: expected image or audio, of a text model in GGUF, got {media}")
    if not all(isinstance(parse_source(part), HubSource) for _, part in entry.parts):
        raise ValueError(f"catalog: {entry.name}: expected parts of the hub, got {entry.parts}")
    if isinstance(source, PathSource):
        raise ValueError(f"catalog: {entry.name}: expected a source with hf:, package: or packages:, got {source}")
    return entry
