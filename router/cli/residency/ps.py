"""``nexa ps``: what a running server has loaded, where, since when and for whom; and what it would load."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from router.cli.control import Row, add_server_options, server_of
from router.cli.tables import add_row, new_table, print_table
from shared.hub.sizes import rounded_bytes
from shared.logs.escaping import escaped

_AWAY = ("unloaded", "failed")
_UNITS = (("s", 60), ("min", 60), ("h", 48), ("d", 10**9))
COLUMNS = ("MODEL", "STATE", "DEVICE", "SINCE", "MEMORY", "PLANNED", "USERS (RUN/WAIT)", "LEAVES")


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand; it sets ``func(args) -> exit code``."""
    parser = subparsers.add_parser(
        "ps",
        help="list what a running server has loaded",
        description="List the models of a running server: those that are loaded with their device, for how long, the "
        "memory that they hold and that was planned, who uses them (running and waiting requests) and when they leave "
        "if nobody does; then those that a request would load, with what they need.",
    )
    add_server_options(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON array")
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    server = server_of(args)
    sizes = {row["id"]: row["size_bytes"] for row in server.rows("GET", "/v1/models")}
    status = server.ask("GET", "/v1/server")
    rows = rows_of(status["models"], status["queues"], sizes)
    if args.json:
        print(json.dumps(rows, indent=1))
        return 0
    now_s = time.time()
    table = new_table()
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for row in rows:
        add_row(table, *cells(row, now_s))
    print_table(table)
    for row in rows:
        if row["reason"]:
            reason = row["reason"].removeprefix(f"{row['model']}: ")
            print(escaped(f"{row['model']}: {reason}{_next_attempt(row)}"))
    return 0


def rows_of(models: Sequence[Row], queues: Sequence[Row], sizes: Mapping[str, int | None]) -> list[Row]:
    """What is told of each model, loaded ones first. ``sizes`` are those of the models' files, in bytes by name."""
    rows = [_row(model, queues, sizes.get(model["id"])) for model in models]
    return sorted(rows, key=lambda row: row["state"] in _AWAY)


def _row(model: Row, queues: Sequence[Row], size_bytes: int | None) -> dict[str, Any]:
    users = [share for share in queues if share["model"] == model["id"]]
    return {
        "model": model["id"],
        "state": model["state"],
        "progress": model["progress"],
        "load": model["load"],
        "devices": model["devices"],
        "loaded_at": model["loaded_at"],
        "measured_memory_bytes": model["measured_memory_bytes"],
        "memory_bytes": model["memory_bytes"],
        "size_bytes": size_bytes,
        "users": [{name: share[name] for name in ("user", "running", "waiting")} for share in users],
        "unloads_in_s": model["unloads_in_s"],
        "unload_reason": model["unload_reason"],
        "retry_in_s": model["retry_in_s"],
        "reason": model["detail"],
    }


def cells(row: Row, now_s: float) -> list[str]:
    """A row of the table; ``now_s`` is the time since the epoch."""
    loaded_at, held, planned = row["loaded_at"], row["measured_memory_bytes"], row["memory_bytes"]
    return [
        row["model"],
        _state(row),
        ", ".join(row["devices"]),
        "" if loaded_at is None else lasting(now_s - loaded_at),
        "" if held is None else rounded_bytes(held),
        _files(row["size_bytes"]) if planned is None else rounded_bytes(planned),
        ", ".join(f"{share['user']} {share['running']}/{share['waiting']}" for share in row["users"]),
        _leaves_in(row),
    ]


def lasting(seconds: float) -> str:
    """A time in its largest unit, such as ``14 min``; about right."""
    value = max(0.0, seconds)
    for unit, size in _UNITS:
        if round(value) < size:
            break
        value /= size if unit != "h" else 24
    return f"{value:.0f} {unit}"


def _state(row: Row) -> str:
    if row["progress"] is not None:
        return f"{row['state']} {row['progress']:.0%}"
    cause = row["unload_reason"] if row["state"] == "unloaded" else None
    return str(row["state"]) if cause is None else f"{row['state']} ({cause})"


def _leaves_in(row: Row) -> str:
    if row["state"] != "ready":
        return ""
    if row["unloads_in_s"] is None:
        return "stays"
    used = any(share["running"] or share["waiting"] for share in row["users"])
    return "in use" if used else lasting(row["unloads_in_s"])


def _next_attempt(row: Row) -> str:
    wait_s = row["retry_in_s"]
    return "" if wait_s is None else f"; the next attempt may be made in {lasting(wait_s)}"


def _files(size_bytes: int | None) -> str:
    """The size of the files, for a model whose needs are not known."""
    return "" if size_bytes is None else f"files {rounded_bytes(size_bytes)}"
