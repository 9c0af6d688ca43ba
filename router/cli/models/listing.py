"""``nexa pull``, ``nexa list`` and ``nexa rm``: models on this machine and in the catalog."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

from router.cli.data_folder import absolute
from router.cli.models.elsewhere import ModelsElsewhere
from router.cli.models.rows import ModelRow, rows_of_everywhere
from router.cli.tables import add_row, new_table, print_table, table_columns
from shared.discovery.found import ModelPlace, Unservable
from shared.errors import ModelError
from shared.hub.client import Hub
from shared.hub.manifest import InstalledModel
from shared.hub.progress import progress_for
from shared.hub.sizes import rounded_bytes
from shared.hub.store import ModelStore, NotInstalledError
from shared.kinds import JobKind
from shared.logs.escaping import escaped
from shared.models.catalog import UnknownModelError
from shared.settings.model_argument import mark_models
from shared.settings.sources import OPTIONS

COLUMNS_WITH_SOURCE = 140
"""A terminal with fewer columns shows no sources: their lines would break."""

MAX_UNSERVABLE = 20
"""How many files that cannot be served are listed."""

_ELSEWHERE = (ModelPlace.FOLDER, ModelPlace.OLLAMA, ModelPlace.LM_STUDIO, ModelPlace.HUB_CACHE)
_NAME_HELP = (
    "a name of `nexa list`, also with a quantization (gemma3:q8_0), or hf:owner/repo[:file-pattern]; "
    "onnx before it for an ONNX model"
)


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommands; each sets ``func(args) -> exit code``."""
    pull = subparsers.add_parser(
        "pull", help="download models", description="Download models, or resume their download."
    )
    pull.add_argument("names", nargs="+", metavar="NAME", help=_NAME_HELP)
    pull.add_argument(
        "--no-mmproj", action="store_true", help="leave out projectors, with which text models see and hear"
    )
    pull.set_defaults(func=_pull)

    listing = subparsers.add_parser(
        "list", help="list models", description="List the models of the catalog and of this machine."
    )
    listing.add_argument(
        "words", nargs="*", metavar="WORD", help="only models with all these words in their names or other columns"
    )
    listing.add_argument("--here", action="store_true", help="only models on this machine")
    listing.add_argument(
        OPTIONS["model_folders"].flag,
        dest="model_folders",
        action="append",
        metavar="FOLDER",
        help="list the models in this folder too, as nexa server would serve them",
    )
    listing.add_argument("--json", action="store_true", help="print a JSON array")
    listing.add_argument("--kind", choices=[kind.value for kind in JobKind], help="only models of this kind")
    listing.set_defaults(func=_list)

    remove = subparsers.add_parser("rm", help="delete a downloaded model", description="Delete a downloaded model.")
    remove.add_argument("names", nargs="+", metavar="NAME", help=_NAME_HELP)
    remove.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    remove.set_defaults(func=_remove)


def _pull(args: argparse.Namespace) -> int:
    store = ModelStore(hub=Hub(), progress=progress_for(), with_projectors=not args.no_mmproj)
    for name in mark_models(args.names):
        model = store.pull(name)
        print(f"{model.name} is ready: {model.path}")
    return 0


def _list(args: argparse.Namespace) -> int:
    folders = [absolute(folder) for folder in args.model_folders or _folders_of_variable()]
    everywhere, found = rows_of_everywhere(ModelStore(), folders, args.kind)
    rows = [row for row in everywhere if (row.here or not args.here) and all(row.has_word(word) for word in args.words)]
    if args.json:
        print(json.dumps([row.to_json() for row in rows], indent=1))
    elif rows:
        _print_rows(rows)
        if args.here:
            _tell_of_unservable(found.unservable)
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
            cells = [row.name, row.does, rounded_bytes(row.size_bytes), row.licence]
            add_row(table, *cells, _here(row), *([row.source] if with_source else []))
    print_table(table)


def _here(row: ModelRow) -> str:
    """Where a model is: this program's own are simply here."""
    if not row.here:
        return "-"
    return row.place if row.place in _ELSEWHERE else "yes"


def _tell_of_unservable(found: Sequence[Unservable]) -> None:
    for item in found[:MAX_UNSERVABLE]:
        print(f"nexa: not served: {escaped(str(item.path))} ({item.source}): {item.reason}", file=sys.stderr)
    if len(found) > MAX_UNSERVABLE:
        print(f"nexa: not served: {len(found) - MAX_UNSERVABLE} more", file=sys.stderr)


def _folders_of_variable() -> tuple[str, ...]:
    """The folders that ``nexa server`` would look through with this shell's variables."""
    option = OPTIONS["model_folders"]
    given = os.environ.get(option.variable, "")
    return tuple(option.spec.value.read(given))


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


def _installed(store: ModelStore, name: str) -> InstalledModel:
    """The model that is to be deleted. Of one that another program has fetched, the error says so."""
    try:
        return store.find_installed(name)
    except (NotInstalledError, UnknownModelError):
        found = ModelsElsewhere().find(name)
        if found is None:
            raise
        raise ModelError(found.source.only_read(found.name, found.path)) from None


def _remove_one(store: ModelStore, name: str, confirmed: bool) -> int:
    model = _installed(store, name)
    if not confirmed:
        if not sys.stdin.isatty():
            raise ModelError(f"--yes is required to delete {name}: there is no terminal to confirm it on")
        if input(f"Delete {model.name} ({rounded_bytes(model.size_bytes)}) from {model.folder}? [y/N] ").lower() != "y":
            return 1
    store.remove(name)
    print(f"{model.name} is deleted ({rounded_bytes(model.size_bytes)})")
    return 0
