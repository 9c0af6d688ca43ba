"""``nexa pull``, ``nexa list`` and ``nexa rm``: models on this machine and in the catalog."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import PurePath
from typing import Any, assert_never

from router.cli.tables import add_row, new_table, print_table, table_columns
from shared.engines.diffusion import DIFFUSION
from shared.engines.registry import opens_onnx
from shared.engines.whisper import WHISPER
from shared.errors import ModelError
from shared.hub.client import Hub
from shared.hub.manifest import InstalledModel
from shared.hub.progress import progress_for, rounded_bytes
from shared.hub.store import ModelStore
from shared.kinds import JobKind
from shared.models.catalog import CatalogEntry, load_catalog
from shared.models.names import ONNX, name_key, split_tag
from shared.models.source import HubSource, JoinedSource, PackageSource, PathSource
from shared.settings.model_argument import mark_models

COLUMNS_WITH_SOURCE = 140
"""A terminal with fewer columns shows no sources: their lines would break."""

_NAME_HELP = (
    "a name of `nexa list`, also with a quantization (gemma3:q8_0), or hf:owner/repo[:file-pattern]; "
    "onnx before it for an ONNX model"
)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A row of ``nexa list``, named as in its JSON.

    ``kinds`` and ``format`` are empty if the model's files are not recognised.
    """

    name: str
    aliases: tuple[str, ...]
    kinds: tuple[JobKind, ...]
    format: str
    size_bytes: int
    licence: str
    here: bool
    source: str
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """The row, with its first kind as ``kind``."""
        return {**asdict(self), "kind": self.kinds[0] if self.kinds else ""}

    @property
    def family(self) -> str:
        """What the names of related models begin with: ``qwen`` for ``qwen3.5-4b``."""
        word = re.match("[a-z]+", self.name.lower())
        return word[0] if word else ""

    def has_word(self, word: str) -> bool:
        """Whether ``word`` is part of a name or of another column. A quantization after a name does not matter."""
        key = name_key(split_tag(word)[0])
        texts = (self.name, *self.aliases, *self.kinds, self.format, self.licence, self.source)
        return any(key in name_key(text) for text in texts)


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommands; each sets ``func(args) -> exit code``."""
    pull = subparsers.add_parser(
        "pull", help="download models", description="Download models, or resume their download."
    )
    pull.add_argument("names", nargs="+", metavar="NAME", help=_NAME_HELP)
    pull.set_defaults(func=_pull)

    listing = subparsers.add_parser(
        "list", help="list models", description="List the models of the catalog and of this machine."
    )
    listing.add_argument(
        "words", nargs="*", metavar="WORD", help="only models with all these words in their names or other columns"
    )
    listing.add_argument("--here", action="store_true", help="only models on this machine")
    listing.add_argument("--json", action="store_true", help="print a JSON array")
    listing.add_argument("--kind", choices=[kind.value for kind in JobKind], help="only models of this kind")
    listing.set_defaults(func=_list)

    remove = subparsers.add_parser("rm", help="delete a downloaded model", description="Delete a downloaded model.")
    remove.add_argument("names", nargs="+", metavar="NAME", help=_NAME_HELP)
    remove.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    remove.set_defaults(func=_remove)


def list_rows(store: ModelStore, kind: str | None = None) -> list[ModelRow]:
    """The models of the catalog in its order, then other models in ``store``."""
    entries = list(load_catalog())
    rows = [_entry_row(entry, store) for entry in entries]
    sources = {row.source for row in rows}
    rows += [_installed_row(model) for model in store.installed() if model.source not in sources]
    return [row for row in rows if kind is None or kind in row.kinds]


def _pull(args: argparse.Namespace) -> int:
    store = ModelStore(hub=Hub(), progress=progress_for())
    for name in mark_models(args.names):
        model = store.pull(name)
        print(f"{model.name} is ready: {model.path}")
    return 0


def _list(args: argparse.Namespace) -> int:
    rows = [
        row
        for row in list_rows(ModelStore(), args.kind)
        if (row.here or not args.here) and all(row.has_word(word) for word in args.words)
    ]
    if args.json:
        print(json.dumps([row.to_json() for row in rows], indent=1))
    elif rows:
        _print_rows(rows)
    else:
        words = " ".join(args.words)
        raise ModelError(f"no model{f' with {words!r}' if words else ''} is listed; all of them: nexa list")
    return 0


def _print_rows(rows: Sequence[ModelRow]) -> None:
    """Print a table; on a terminal, with a blank line between families."""
    with_source = table_columns() >= COLUMNS_WITH_SOURCE
    table = new_table()
    for heading in ("NAME", "KIND"):
        table.add_column(heading, no_wrap=True)
    table.add_column("SIZE", justify="right", no_wrap=True)
    table.add_column("LICENCE", overflow="fold")
    table.add_column("HERE", no_wrap=True)
    if with_source:
        table.add_column("SOURCE", overflow="fold")
    for number, family in enumerate(_families(rows)):
        if number and sys.stdout.isatty():
            add_row(table)
        for row in family:
            cells = [row.name, ", ".join(row.kinds), rounded_bytes(row.size_bytes), row.licence]
            add_row(table, *cells, "yes" if row.here else "-", *([row.source] if with_source else []))
    print_table(table)


def _families(rows: Sequence[ModelRow]) -> Iterator[list[ModelRow]]:
    """The rows in their order; related ones together, and those without relations together."""
    alone: list[ModelRow] = []
    for _, group in groupby(rows, key=lambda row: row.family):
        family = list(group)
        if len(family) == 1:
            alone += family
            continue
        if alone:
            yield alone
            alone = []
        yield family
    if alone:
        yield alone


def _remove(args: argparse.Namespace) -> int:
    store = ModelStore()
    return max(_remove_one(store, name, args.yes) for name in mark_models(args.names))


def _remove_one(store: ModelStore, name: str, confirmed: bool) -> int:
    model = store.find_installed(name)
    if not confirmed:
        if not sys.stdin.isatty():
            raise ModelError(f"--yes is required to delete {name}: there is no terminal to confirm it on")
        if input(f"Delete {model.name} ({rounded_bytes(model.size_bytes)}) from {model.folder}? [y/N] ").lower() != "y":
            return 1
    store.remove(name)
    print(f"{model.name} is deleted ({rounded_bytes(model.size_bytes)})")
    return 0


def format_of(engine: str, file: str) -> str:
    """The format of a model that an engine opens: ``onnx``, ``ctranslate2``, ``gguf``, or that of a checkpoint."""
    if opens_onnx(engine):
        return ONNX
    suffix = PurePath(file).suffix.lower()
    return "ctranslate2" if engine == WHISPER.name else suffix[1:] if suffix in DIFFUSION.suffixes else "gguf"


def _entry_row(entry: CatalogEntry, store: ModelStore) -> ModelRow:
    here, size_bytes = False, entry.size_bytes
    match entry.source:
        case HubSource() | JoinedSource():
            installed = store.find(entry)
            here, size_bytes = installed is not None, installed.size_bytes if installed else size_bytes
        case PackageSource() as source:
            here = source.is_installed()
        case PathSource(path):
            here = path.exists()
        case other:
            assert_never(other)
    return ModelRow(
        name=entry.name,
        aliases=entry.aliases,
        kinds=entry.kinds,
        format=format_of(entry.engine, str(entry.source)),
        size_bytes=size_bytes,
        licence=entry.licence,
        here=here,
        source=str(entry.source),
        note=entry.note,
    )


def _installed_row(model: InstalledModel) -> ModelRow:
    try:
        resolved = model.resolve()
        kinds, found, note = resolved.kinds, format_of(resolved.engine, str(resolved.path)), ""
    except (ModelError, OSError) as error:
        kinds, found, note = (), "", str(error)
    return ModelRow(
        name=model.name,
        aliases=(),
        kinds=kinds,
        format=found,
        size_bytes=model.size_bytes,
        licence=model.licence,
        here=True,
        source=model.source,
        note=note,
    )
