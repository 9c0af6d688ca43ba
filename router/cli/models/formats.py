"""``nexa formats``: what was learnt from a model's chat template, and raw answers as the server reads them."""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

from router.cli.models.finding import find_models
from shared.engines.llama import LLAMA
from shared.errors import ModelError
from shared.interpreter import child_environment, module_command
from shared.settings.loading import RequestedModel
from shared.settings.model import SingleModelOptions

_TEMPLATE_SUFFIXES = (".jinja", ".jinja2", ".j2")


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand; it sets ``func(args) -> exit code``."""
    formats = subparsers.add_parser(
        "formats",
        help="show how a model writes thoughts and calls",
        description="Show what the server learnt from a model's chat template: how the model writes thoughts, words "
        "and calls of functions, with a prompt and a call. With --parse, show what it makes of raw answers.",
    )
    formats.add_argument("model", metavar="MODEL", help="a model as for nexa server, or a chat template (a Jinja file)")
    formats.add_argument("--bos", default="", metavar="TEXT", help="text of the BOS token, for a template alone")
    formats.add_argument("--eos", default="", metavar="TEXT", help="text of the EOS token, for a template alone")
    formats.add_argument(
        "--parse",
        metavar="FILE",
        help="lines of JSON, each with a raw output and what its request had; prints a message for each",
    )
    formats.set_defaults(func=_formats)


def _formats(args: argparse.Namespace) -> int:
    words = [str(_template_of(args.model)), "--bos", args.bos, "--eos", args.eos]
    if args.parse is not None:
        words += ["--parse", os.path.abspath(args.parse)]
    return subprocess.run(module_command("workers.llama.chat", *words), env=child_environment(), check=False).returncode


def _template_of(model: str) -> Path:
    """The file with the template: a Jinja file as it is, or a model's GGUF file.

    Raises:
        ModelError: there is no such model or file, or the model has no chat template.
    """
    if model.endswith(_TEMPLATE_SUFFIXES):
        if not Path(model).is_file():
            raise ModelError(f"{model}: no such file")
        return Path(model).absolute()
    (found,) = find_models([RequestedModel(model, SingleModelOptions(), {})], [])
    if found.engine != LLAMA.name:
        raise ModelError(f"{model}: expected a text model, which may have a chat template, got one for {found.engine}")
    return Path(found.path)
