"""``nexa ps``: what a running server has loaded, where, and for whom; and what it would load."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from router.cli.control import Row, add_server_options, server_of
from router.cli.tables import add_row, new_table, print_table
from shared.hub.sizes import rounded_bytes

_AWAY = ("unloaded", "failed")


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand; it sets ``func(args) -> exit code``."""
    parser = subparsers.add_parser(
        "ps",
        help="list what a running server has loaded",
        description="List the models of a running server: those that are loaded with their state, device, memory and "
        "requests, then those that a request would load, with the size of their files.",
    )
    add_server_options(parser)
    parser.set_defaults(func=_run)


def _run(args: argparse.Namespace) -> int:
    server = server_of(args)
    models, workers = server.rows("GET", "/v1/models"), server.workers()
    status = server.ask("GET", "/v1/server")
    loads = {model["id"]: model for model in status["models"]}
    table = new_table()
    for column in ("MODEL", "STATE", "DEVICE", "MEMORY", "RUNNING", "WAITING", "USERS"):
        table.add_column(column)
    models = [model for model in models if model["id"] in loads]  # without adapters
    for model in sorted(models, key=lambda model: model["state"] in _AWAY):
        own = [worker for worker in workers if worker["model"] == model["id"]]
        users = [share["user"] for share in status["queues"] if share["model"] == model["id"]]
        load = loads[model["id"]]
        add_row(
            table,
            model["id"],
            _state(model),
            ", ".join(dict.fromkeys(worker["device"] for worker in own if worker["device"])),
            _memory(model, own),
            str(load["running"] or ""),
            str(load["waiting"] or ""),
            ", ".join(users),
        )
    print_table(table)
    return 0


def _state(model: Row) -> str:
    return str(model["state"]) if model["progress"] is None else f"{model['state']} {model['progress']:.0%}"


def _memory(model: Row, workers: Sequence[Row]) -> str:
    """What its workers hold; of a model that is away, what it needs, or at least the size of its files."""
    held = sum(worker["memory_bytes"] for worker in workers)
    if held:
        return rounded_bytes(held)
    if model["memory_bytes"] is not None:
        return f"needs {rounded_bytes(model['memory_bytes'])}"
    return "" if model["size_bytes"] is None else f"files {rounded_bytes(model['size_bytes'])}"
