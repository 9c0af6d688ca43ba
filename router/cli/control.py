"""``nexa drain`` and ``nexa restart``: drain and restart workers of a running server over HTTP."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from router.cli.data_folder import authority_file
from router.client.connection import DEFAULT_URL, KEY_VARIABLE, URL_VARIABLE, ServerClient
from router.client.errors import RequestRefused, ServerUnreachable
from shared.logs.escaping import escaped
from shared.wire.run_folder import find_admin_sockets

POLL_INTERVAL_S = 0.25
REQUEST_TIMEOUT_S = 10.0

Row = dict[str, Any]


class ControlError(Exception):
    """The server is unreachable or refused the request. The message is one line."""


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommands; each sets ``func(args) -> exit code``."""
    drain = subparsers.add_parser(
        "drain",
        help="drain a worker of a running server",
        description="Drain a worker of a running server: it gets no new requests, finishes its running ones (those "
        "that take longer than the server's --drain-timeout-s continue in another worker) and exits; `nexa restart` "
        "starts it again. Waits until the worker has exited.",
    )
    drain.add_argument("worker", metavar="WORKER", help="its name in /v1/workers, such as smollm2/0")
    restart = subparsers.add_parser(
        "restart",
        help="replace workers of a running server",
        description="Replace workers of a running server by new processes, one at a time per model; no request fails. "
        "Also starts a worker that was drained or has failed. Waits until the new workers are ready.",
    )
    restart.add_argument(
        "worker", metavar="WORKER", nargs="?", help="its name in /v1/workers (default: all, one after another)"
    )
    for parser, command in ((drain, _drain), (restart, _restart)):
        add_server_options(parser)
        add_timeout_option(parser)
        parser.set_defaults(func=command)


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which running server is meant."""
    server = parser.add_mutually_exclusive_group()
    server.add_argument(
        "--url",
        default=os.environ.get(URL_VARIABLE, DEFAULT_URL),
        help=f"the server's URL (default {DEFAULT_URL}, or {URL_VARIABLE})",
    )
    server.add_argument(
        "--admin-socket",
        nargs="?",
        const="",
        metavar="PATH",
        help="reach a server that was started with --admin-socket; PATH if you run several",
    )


def add_timeout_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that limits how long an order is waited for."""
    parser.add_argument(
        "--timeout", type=float, default=600.0, metavar="SECONDS", help="longest time to wait (default 600)"
    )


class Server:
    """A running server, at ``url`` or at the Unix socket ``socket_path``. The API key comes from ``NEXA_API_KEY``."""

    def __init__(self, url: str, environment: Mapping[str, str], socket_path: str | None = None) -> None:
        key = environment.get(KEY_VARIABLE, "")
        self._option = "--url" if socket_path is None else "--admin-socket"
        self._client = ServerClient(
            url, key, socket_path=socket_path, ca_file=authority_file(), timeout_s=REQUEST_TIMEOUT_S
        )

    def order(self, path: str) -> list[Row]:
        """Send an order; returns the workers that it affects, in their state before it.

        Raises:
            ControlError: the server refused or is unreachable.
        """
        return self.rows("POST", path)

    def workers(self) -> list[Row]:
        """All workers in their current state.

        Raises:
            ControlError: the server refused or is unreachable.
        """
        return self.rows("GET", "/v1/workers")

    def wait(self, reached: Callable[[Row], bool], former: list[Row], timeout_s: float) -> None:
        """Wait until ``reached`` is true for all workers in ``former``; print each change of state to stderr.

        Raises:
            ControlError: a worker failed, ``timeout_s`` has passed, or the server is unreachable.
        """
        deadline_at_s = time.monotonic() + timeout_s
        shown = {row["name"]: row["state"] for row in former}
        while True:
            rows = [row for row in self.workers() if row["name"] in shown]
            for row in rows:
                name, state = row["name"], row["state"]
                if shown[name] == state:
                    continue
                shown[name] = state
                print(escaped(f"{name} {state}"), file=sys.stderr)
                if state == "failed":
                    raise ControlError(" / ".join([f"{name} failed: {row['detail']}", *row["last_lines"]]))
            if all(reached(row) for row in rows):
                return
            if time.monotonic() > deadline_at_s:
                raise ControlError(f"--timeout: not done after {timeout_s:.0f} s; the server carries on with it")
            time.sleep(POLL_INTERVAL_S)

    def ask(self, method: str, path: str) -> Row:
        """The JSON answer to a request.

        Raises:
            ControlError: the server refused or is unreachable.
        """
        try:
            return dict(self._client.ask(method, path))
        except ServerUnreachable as error:
            raise ControlError(f"{self._option}: {error}") from None
        except RequestRefused as error:
            raise ControlError(str(error)) from None
        except (TypeError, ValueError):
            raise self._stranger() from None

    def rows(self, method: str, path: str) -> list[Row]:
        """The rows of a JSON answer.

        Raises:
            ControlError: the server refused or is unreachable.
        """
        try:
            return list(self.ask(method, path)["data"])
        except (KeyError, TypeError):
            raise self._stranger() from None

    def _stranger(self) -> ControlError:
        return ControlError(f"{self._client.address} is not a nexa server, or of a different version")


def server_of(args: argparse.Namespace) -> Server:
    """The server that the options of :func:`add_server_options` mean.

    Raises:
        ControlError: it cannot be found.
    """
    if args.admin_socket is None:
        return Server(args.url, os.environ)
    return Server(DEFAULT_URL, {}, args.admin_socket or _only_admin_socket())


def _only_admin_socket() -> str:
    found = find_admin_sockets()
    if len(found) != 1:
        which = f"{len(found)} ({', '.join(map(str, found))}); give the PATH of one" if found else "none"
        raise ControlError(f"--admin-socket: expected one running server of this user, got {which}")
    return str(found[0])


def _drain(args: argparse.Namespace) -> int:
    server = server_of(args)
    former = server.order(f"/v1/workers/{quote(args.worker)}/drain")
    server.wait(lambda row: row["state"] == "drained", former, args.timeout)
    print(f"{args.worker} is drained; nexa restart {args.worker} starts it again")
    return 0


def _restart(args: argparse.Namespace) -> int:
    server = server_of(args)
    path = "/v1/workers/restart" if args.worker is None else f"/v1/workers/{quote(args.worker)}/restart"
    former = server.order(path)
    before = {row["name"]: row for row in former}
    server.wait(lambda row: _is_restarted(before[row["name"]], row), former, args.timeout)
    print(f"{', '.join(before)}: restarted" if before else "no worker is loaded")
    return 0


def _is_restarted(before: Row, now: Row) -> bool:
    """Whether a worker is a fresh one, or has left for another model meanwhile: then the next one there is."""
    left = now["state"] == "unloaded" and before["state"] not in ("drained", "failed")
    return left or (now["state"] == "ready" and now["pid"] != before["pid"])
