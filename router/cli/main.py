"""The command ``nexa``: its words, their help, and its exit codes."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sqlite3
import sys
from collections.abc import Callable
from typing import NoReturn

from router.cli import control, keys, models
from router.cli.control import ControlError
from router.cli.launch import launch
from router.cli.options import OptionError, add_options, gather
from router.cli.run_folder import NoRunFolder
from router.keys.database import KeyFileError
from shared.gguf.header import GGUFError
from shared.models.source import ModelError

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

FORESEEN = (NoRunFolder, ModelError, GGUFError, KeyFileError, ControlError, sqlite3.Error, OSError)
"""Errors of the commands whose message is one readable line."""

_USAGE = (
    "nexa server [-h] [--host HOST] [--port PORT] [--reload] [--nctx NCTX] [--workers N] [options]\n"
    "                   [onnx] model_path [model_path ...]"
)
_EXAMPLES = """\
examples:
  nexa server smollm2                        a small chat model that came with the installation
  nexa server --workers 2 ./model.gguf       a file, served by two processes
  nexa server smollm2 gemma --port 9000      two models; a request's "model" chooses
  nexa server hf:owner/repo:*Q4_K_M.gguf     a repository of the hub, fetched first if it is not here
  NEXA_API_KEY=... nexa server smollm2 --host 0.0.0.0      for the whole network, with a key

Each option can also be given as a variable (--log-format as NEXA_LOG_FORMAT) and, under its name
(log_format = "json"), in the TOML file that --config names; model_path = ["smollm2"] gives the models there.
The command line goes before the environment, the environment before the file."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are exceptions, so that all errors of the command look alike."""

    def error(self, message: str) -> NoReturn:
        """Raise :class:`OptionError` with the message."""
        raise OptionError(f"{message} (see: {self.prog} --help)")


def main(arguments: list[str] | None = None) -> int:
    """Run ``nexa``; returns its exit code: 2 for options that are not understood, 1 for all other errors."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        return _run(words)
    except OptionError as error:
        return _say(error, EXIT_USAGE)
    except FORESEEN as error:
        return _say(error, EXIT_ERROR)
    except KeyboardInterrupt:
        return _say("interrupted", EXIT_INTERRUPTED)


def build_parsers() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """The parser of ``nexa`` and that of ``nexa server``."""
    parser: argparse.ArgumentParser = Parser(
        prog="nexa", description="A local model server that speaks the OpenAI API."
    )
    parser.add_argument("--version", action="version", version=f"nexa {_version()}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    server = subparsers.add_parser(
        "server",
        help="serve models",
        usage=_USAGE,
        description="Serve models over HTTP until Ctrl-C: once ends it after running requests, twice at once.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    server.add_argument(
        "model_path",
        nargs="*",
        help="a name that `nexa list` shows, a file or folder, hf:owner/repo[:file-pattern], or package:module/file; "
        "the word onnx before it selects ONNX models",
    )
    add_options(server)
    server.add_argument("--config", metavar="FILE", help="TOML file with options")
    server.add_argument("--version", action="version", version=f"nexa {_version()}")
    models.add_parsers(subparsers)
    control.add_parsers(subparsers)
    keys.add_parsers(subparsers)
    return parser, server


def _run(words: list[str]) -> int:
    parser, server = build_parsers()
    if not words:
        parser.print_help()
        return 0
    if words[0] == "server":
        return _serve(server, words[1:])  # not by its parent: only a parser by itself takes options among models
    options = parser.parse_args(words)
    command: Callable[[argparse.Namespace], int] = options.func
    return command(options)


def _serve(parser: argparse.ArgumentParser, words: list[str]) -> int:
    given = vars(parser.parse_intermixed_args(words))
    config_path = given.pop("config") or os.environ.get("NEXA_CONFIG")
    named: list[str] = given.pop("model_path")
    if named and named[0] == "onnx":
        given["onnx"], named = True, named[1:]
    if named:
        given["model_path"] = named
    return launch(gather(given, os.environ, config_path))


def _version() -> str:
    try:
        return importlib.metadata.version("nexa-server")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def _say(error: object, code: int) -> int:
    print(f"nexa: {' '.join(str(error).split())}", file=sys.stderr)
    return code
