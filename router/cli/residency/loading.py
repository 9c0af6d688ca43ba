"""``nexa load`` and ``nexa unload``: load and unload a model of a running server."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from urllib.parse import quote

from router.cli.control import (
    POLL_INTERVAL_S,
    ControlError,
    Row,
    Server,
    add_server_options,
    add_timeout_option,
    server_of,
)
from shared.logs.escaping import escaped


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommands; each sets ``func(args) -> exit code``."""
    load = subparsers.add_parser(
        "load",
        help="load a model of a running server",
        description="Load a model that a running server loads on demand, before anybody asks it. Others leave for it "
        "as for a request. Waits until it is ready.",
    )
    unload = subparsers.add_parser(
        "unload",
        help="unload a model of a running server",
        description="Unload a model that a running server loads on demand, and give back its memory. The requests that "
        "it runs go back to the queue, and load it again. Waits until it is unloaded.",
    )
    for parser, command in ((load, _load), (unload, _unload)):
        parser.add_argument("model", metavar="NAME", help="its name in /v1/models, such as smollm2")
        add_server_options(parser)
        add_timeout_option(parser)
        parser.set_defaults(func=command)


def wait_for(server: Server, row: Row, reached: Callable[[Row], bool], timeout_s: float) -> Row:
    """Wait until ``reached`` is true for the row of a model; print each change of state and progress to stderr.

    Raises:
        ControlError: the model failed, ``timeout_s`` has passed, or the server is unreachable.
    """
    deadline_at_s, told = time.monotonic() + timeout_s, ""
    while not reached(row):
        if row["state"] == "failed":
            raise ControlError(f"{row['id']} failed: {row['reason'] or 'the log has the reason'}")
        if time.monotonic() > deadline_at_s:
            raise ControlError(f"--timeout: not done after {timeout_s:.0f} s; the server carries on with it")
        told = _tell(row, told)
        time.sleep(POLL_INTERVAL_S)
        row = server.ask("GET", f"/v1/models/{quote(row['id'])}")
    _tell(row, told)
    return row


def _tell(row: Row, told: str) -> str:
    progress = "" if row["progress"] is None else f" {row['progress']:.0%}"
    text = f"{row['id']} {row['state']}{progress}"
    if text != told:
        print(escaped(text), file=sys.stderr)
    return text


def _load(args: argparse.Namespace) -> int:
    server = server_of(args)
    row = server.ask("POST", f"/v1/models/{quote(args.model)}/load")
    if row["state"] == "failed":  # until the server tries again, as it was told
        row = {**row, "state": "unloaded"}
    row = wait_for(server, row, lambda row: bool(row["state"] == "ready"), args.timeout)
    print(escaped(f"{row['id']} is loaded"))
    return 0


def _unload(args: argparse.Namespace) -> int:
    server = server_of(args)
    row = server.ask("POST", f"/v1/models/{quote(args.model)}/unload")
    row = wait_for(server, row, lambda row: row["state"] in ("unloaded", "loading"), args.timeout)
    again = " and loads again: requests wait for it" if row["state"] == "loading" else ""
    print(escaped(f"{row['id']} is unloaded{again}"))
    return 0
