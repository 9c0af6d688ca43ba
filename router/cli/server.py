"""``nexa server``: its parser, and the way from its arguments to the supervisor."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from router.cli.launch import launch
from router.cli.models.choices import print_choices
from router.cli.models.serving import NoModelsHere
from router.cli.options import add_options
from shared.hub.store import ModelStore
from shared.logs.output import protect_output
from shared.settings.loading import LoadedOptions, load_options
from shared.settings.names import nearest
from shared.settings.option import OptionError
from shared.settings.sources import OPTIONS

CONFIG_VARIABLE = "NEXA_CONFIG"

_USAGE = (
    "nexa server [-h] [--host HOST] [--port PORT] [--reload] [--nctx NCTX] [--workers N] [options]\n"
    "                   [[onnx] model_path ...]"
)
_EXAMPLES = """\
examples:
  nexa server                                every model on this machine, each loaded when a request names it
  nexa server smollm2                        a small chat model that is part of the installation
  nexa server --workers 2 ./model.gguf       a file, served by two worker processes
  nexa server smollm2 gemma --port 9000      two models; a request's "model" chooses
  nexa server smollm2@slots=4,nctx=2048 gemma              options for one of them
  nexa server hf:owner/repo:*Q4_K_M.gguf     a repository of the hub, downloaded if needed
  nexa server smollm2 onnx phi4-mini ./bge   onnx: all models after it are ONNX models; also: onnx:phi4-mini
  NEXA_API_KEY=... nexa server smollm2 --host 0.0.0.0      for the whole network, with a key

Each option can also be given as a variable (--log-format as NEXA_LOG_FORMAT) and in the TOML file that --config names:
  model_path = ["smollm2", "gemma"]        # without it, the tables name the models
  log_format = "json"
  [models.smollm2]
  slots = 4
The command line overrides the environment, which overrides the file. An option of one model overrides the option
for all models. Sizes and times take units: 500M, 2Gi, 15m, 7d; plain numbers are bytes and seconds."""


def add_parser(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser], version: str
) -> argparse.ArgumentParser:
    """Add the subcommand; returns its parser for :func:`serve`."""
    parser = subparsers.add_parser(
        "server",
        help="serve models",
        usage=_USAGE,
        description="Serve models over HTTP: those that are named, or all on this machine. Ctrl-C stops it\n"
        "after its running requests, a second Ctrl-C at once.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model_path",
        nargs="*",
        help="a name that `nexa list` shows, a file or folder, hf:owner/repo[:file-pattern], or package:module/file, "
        "each with @OPTION=VALUE[,OPTION=VALUE...] for options of its own",
    )
    add_options(parser)
    parser.add_argument("--config", metavar="FILE", help=f"TOML file with options (or {CONFIG_VARIABLE})")
    parser.add_argument("--version", action="version", version=version)
    return parser


def serve(parser: argparse.ArgumentParser, words: list[str]) -> int:
    """Become the server. Does not return.

    Raises:
        OptionError: a wrong option.
        NoRunFolder, ModelError: the server cannot be started.
    """
    protect_output(lambda count: f"nexa: {count} lines dropped\n")
    loaded = load(parser, words)
    try:
        launch(loaded)
    except NoModelsHere:
        if not words:
            print_choices(ModelStore())
            sys.stdout.flush()
        raise


def load(parser: argparse.ArgumentParser, words: list[str]) -> LoadedOptions:
    """The options that the words, the environment and the file make. Warnings go to stderr.

    Raises:
        OptionError: a wrong option.
    """
    known, unknown = parser.parse_known_intermixed_args(words)
    if unknown:
        flags = [option.flag for option in OPTIONS.values() if not option.spec.is_positional]
        raise OptionError(f"{unknown[0]}: no such option; did you mean {nearest(unknown[0], flags)}?")
    found: dict[str, Any] = vars(known)
    config_path = found.pop("config") or os.environ.get(CONFIG_VARIABLE) or None
    models: list[str] = found.pop("model_path")
    if models:
        found["model_path"] = models
    loaded = load_options(found, config_path)
    for warning in loaded.warnings:
        print(f"nexa: {warning}", file=sys.stderr)
    return loaded
