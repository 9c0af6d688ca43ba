"""``nexa key``: named API keys and their usage. A running server sees every change at once."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from router.cli.data_folder import data_path
from router.cli.tables import add_row, new_table, print_table
from router.jobs.limits import BETWEEN_NAMES, Priority, UserLimits, model_names
from router.keys.database import FILE_NAME
from router.keys.store import KeyStore, StoredKey, is_key_name
from router.keys.usage import GroupBy, UsageRow, UsageStore
from shared.settings.sources import OPTIONS

KEY_FILE = OPTIONS["key_file"]
MIN_LIMITS = {"running": 1, "queued": 0, "tokens_per_day": 1}
"""The smallest value of each limit; a key that may run nothing would be useless."""

LIMIT_FIELDS = {"running": "max_running", "queued": "max_queued", "tokens_per_day": "tokens_per_day"}
"""The limits' names in :class:`~router.jobs.limits.UserLimits`."""

NO_LIMIT = "none"
"""Stands for no limit where a key is changed."""

MAX_DIGITS = 9
"""Maximum length of a limit."""

KEY_HEADINGS = ("NAME", "ID", "LIMIT", "MODELS", "PRIORITY", "ADMIN", "CREATED")


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommands; each sets ``func(args) -> exit code``."""
    key = subparsers.add_parser(
        "key",
        help="API keys and their usage",
        description="Named API keys. A running server sees every change at once.",
    )
    commands = key.add_subparsers(title="commands", metavar="COMMAND", required=True)
    create = commands.add_parser(
        "create",
        help="create a key and show it once",
        description="Create a key and print it; only its hash is stored. Once a key exists, requests need one.",
    )
    create.add_argument("name", metavar="NAME", help="the key's name in logs and usage")
    _add_limits(create, "", Priority.INTERACTIVE)
    create.add_argument("--admin", action="store_true", help="may control workers and see all jobs and usage")
    limit = commands.add_parser(
        "limit",
        help="change a key's limits",
        description="Change the limits of a key, from its next request on. Those that are not named stay as they are.",
    )
    limit.add_argument("name", type=_name, metavar="NAME")
    either = _add_limits(limit, f", {NO_LIMIT} for no limit", None)
    either.add_argument("--all-models", action="store_true", help="it may use all models again")
    listing = commands.add_parser("list", help="list the keys", description="List the keys, without their secrets.")
    listing.add_argument("--revoked", action="store_true", help="list revoked keys instead")
    revoke = commands.add_parser("revoke", help="revoke a key", description="Revoke a key.")
    revoke.add_argument("name", type=_name, metavar="NAME")
    usage = commands.add_parser(
        "usage", help="show the usage of keys", description="Show the usage of keys. Days are UTC."
    )
    usage.add_argument("name", type=_name, metavar="NAME", nargs="?", help="only this key")
    usage.add_argument(
        "--by",
        type=GroupBy,
        choices=list(GroupBy),
        default=GroupBy.KEY,
        help="one row per key, day or model (default key)",
    )
    usage.add_argument("--since", type=_date, metavar="YYYY-MM-DD", help="first day")
    usage.add_argument("--until", type=_date, metavar="YYYY-MM-DD", help="last day (inclusive)")
    for parser in (listing, usage):
        parser.add_argument("--json", action="store_true", help="print a JSON array")
    for parser, command in ((create, _create), (limit, _limit), (listing, _list), (revoke, _revoke), (usage, _usage)):
        parser.add_argument(
            "--key-file",
            default=os.environ.get(KEY_FILE.variable, ""),
            metavar="FILE",
            help=f"the server's {KEY_FILE.flag}, if it has one (or {KEY_FILE.variable})",
        )
        parser.set_defaults(func=command)


def _add_limits(
    parser: argparse.ArgumentParser, more: str, priority: Priority | None
) -> argparse._MutuallyExclusiveGroup:
    """Add the options of limits; ``more`` is what a limit may be besides a number. Returns what ``--models`` is in."""
    parser.add_argument(
        "--limit",
        type=_limits,
        default={},
        metavar="LIMITS",
        help=f"running=N,queued=N,tokens_per_day=N{more}, or some of them: requests that run and that wait at a time, "
        "each of n choices counts; tokens of prompts and answers in a day (UTC); beyond it requests get 429",
    )
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--models",
        type=_models,
        metavar="NAME,NAME",
        help="the only models that it may use, separated by commas; they need not be served yet",
    )
    default = "" if priority is None else f" (default {priority.value})"
    parser.add_argument(
        "--priority",
        type=Priority,
        choices=list(Priority),
        default=priority,
        help=f"highest priority of its requests{default}",
    )
    return either


def _create(args: argparse.Namespace) -> int:
    limits = _changed(UserLimits(), args)
    with contextlib.closing(KeyStore.open(_path(args))) as store:
        key = store.create(args.name, limits, args.admin)
    print("This key is shown only once. Clients send it as Authorization: Bearer KEY (api_key):", file=sys.stderr)
    print(key)
    return 0


def _limit(args: argparse.Namespace) -> int:
    with contextlib.closing(KeyStore.open(_path(args))) as store:
        store.change(args.name, _changed(store.named(args.name).limits, args))
        changed = store.named(args.name)
    _print_table(KEY_HEADINGS, [_key_cells(changed)])
    return 0


def _changed(limits: UserLimits, args: argparse.Namespace) -> UserLimits:
    """The limits with what the options say."""
    changes: dict[str, Any] = {LIMIT_FIELDS[name]: number for name, number in args.limit.items()}
    if args.priority is not None:
        changes["priority"] = args.priority
    if args.models is not None or getattr(args, "all_models", False):
        changes["models"] = args.models
    return replace(limits, **changes)


def _list(args: argparse.Namespace) -> int:
    with contextlib.closing(KeyStore.open(_path(args))) as store:
        keys = store.keys(revoked=args.revoked)
    if args.json:
        print(json.dumps([_shown_key(key) for key in keys], indent=1))
        return 0
    headings = (*KEY_HEADINGS[:-1], "REVOKED") if args.revoked else KEY_HEADINGS
    _print_table(headings, [_key_cells(key) for key in keys])
    return 0


def _revoke(args: argparse.Namespace) -> int:
    with contextlib.closing(KeyStore.open(_path(args))) as store:
        store.revoke(args.name)
    print(f"{args.name}'s key is revoked")
    return 0


def _usage(args: argparse.Namespace) -> int:
    with contextlib.closing(UsageStore.open(_path(args))) as store:
        rows = store.sums(args.by, args.name, args.since, args.until)
    if args.json:
        print(json.dumps([_shown_usage(row) for row in rows], indent=1))
        return 0
    group = [] if args.by is GroupBy.KEY else [args.by.value.upper()]
    headings = ("KEY", *group, "REQUESTS", "TOKENS IN", "CACHED", "TOKENS OUT", "IMAGES", "AUDIO")
    _print_table(headings, [_usage_cells(row, args.by) for row in rows], text_columns=1 + len(group))
    return 0


def _path(args: argparse.Namespace) -> Path:
    return data_path(args.key_file, FILE_NAME)


def _limits(text: str) -> dict[str, int | None]:
    """Read ``running=N,queued=N,tokens_per_day=N``, or some of them; None is no limit."""
    limits: dict[str, int | None] = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        valid = number.isascii() and number.isdigit() and len(number) <= MAX_DIGITS
        if name not in MIN_LIMITS or (number != NO_LIMIT and (not valid or int(number) < MIN_LIMITS[name])):
            raise argparse.ArgumentTypeError(
                "expected running=N (from 1), queued=N (from 0), tokens_per_day=N (from 1), or several of them, "
                f"separated by commas, with N of up to {MAX_DIGITS} digits or {NO_LIMIT}, got {text!r}"
            )
        limits[name] = None if number == NO_LIMIT else int(number)
    return limits


def _models(text: str) -> tuple[str, ...]:
    """Read names of models, separated by commas."""
    try:
        return model_names([name.strip() for name in text.split(BETWEEN_NAMES)])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _name(text: str) -> str:
    """Read the name of a key. Refuses what cannot be one."""
    if not is_key_name(text):
        raise argparse.ArgumentTypeError(f"expected a name that `nexa key list` shows, got {text!r}")
    return text


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a day such as 2026-01-31, got {text!r}") from None


def _shown_key(key: StoredKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "id": key.key_id,
        "max_running": key.limits.max_running,
        "max_queued": key.limits.max_queued,
        "priority": key.limits.priority,
        "models": key.limits.models,
        "tokens_per_day": key.limits.tokens_per_day,
        "admin": key.admin,
        "created": key.created_at_s,
        "revoked": key.revoked_at_s,
    }


def _key_cells(key: StoredKey) -> list[str]:
    limits = {name: getattr(key.limits, field) for name, field in LIMIT_FIELDS.items()}
    limit = ",".join(f"{name}={number}" for name, number in limits.items() if number is not None)
    models = "all" if key.limits.models is None else BETWEEN_NAMES.join(key.limits.models)
    at_s = key.created_at_s if key.revoked_at_s is None else key.revoked_at_s
    when = datetime.datetime.fromtimestamp(at_s).isoformat(" ", "minutes")
    return [key.name, key.key_id, limit or "-", models, key.limits.priority, "yes" if key.admin else "-", when]


def _shown_usage(row: UsageRow) -> dict[str, Any]:
    day = None if row.day is None else row.day.isoformat()
    return {"key": row.key or None, "day": day, "model": row.model, **asdict(row.usage)}


def _usage_cells(row: UsageRow, by: GroupBy) -> list[str]:
    used = row.usage
    counts = (used.requests, used.prompt_tokens, used.cached_tokens, used.completion_tokens, used.images)
    group = {GroupBy.KEY: [], GroupBy.DAY: [str(row.day)], GroupBy.MODEL: [str(row.model)]}[by]
    return [row.key or "(no named key)", *group, *(f"{count:,}" for count in counts), f"{used.audio_s:,.0f} s"]


def _print_table(headings: tuple[str, ...], rows: list[list[str]], text_columns: int | None = None) -> None:
    """Print a table. The first ``text_columns`` columns (None: all) are text, the others numbers."""
    table = new_table()
    for index, heading in enumerate(headings):
        numbers = text_columns is not None and index >= text_columns
        table.add_column(heading, justify="right" if numbers else "left", no_wrap=True)
    for row in rows:
        add_row(table, *row)
    print_table(table)
