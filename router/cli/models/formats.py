"""``nexa formats``: what was learnt from a model's chat template, and raw answers as the server reads them."""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

from router.cli.models.finding import find_models
from shared.engines.llama import LLAMA
from shared.engines.onnx.text import ONNX_TEXT
from shared.errors import ModelError
from shared.interpreter import child_environment, module_command
from shared.settings.loading import load_options
from shared.settings.model_argument import mark_models, split_model_argument
from shared.settings.option import OptionError

_TEMPLATE_SUFFIXES = (".jinja", ".jinja2", ".j2")
_USAGE = "nexa formats [-h] [--bos TEXT] [--eos TEXT] [--parse FILE] [onnx] MODEL"
_READERS = {LLAMA.name: "workers.llama.chat", ONNX_TEXT.name: "workers.onnx.text"}
"""The programs that show the formats of an engine's models."""


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand; it sets ``func(args) -> exit code``."""
    formats = subparsers.add_parser(
        "formats",
        usage=_USAGE,
        help="show how a model writes thoughts and calls",
        description="Show what the server learnt from a model's chat template: how the model writes thoughts, words "
        "and calls of functions, with a prompt and a call. With --parse, show what it makes of raw answers.",
    )
    formats.add_argument(
        "models", nargs="+", metavar="MODEL", help="a model as for nexa server, or a chat template (a Jinja file)"
    )
    formats.add_argument("--bos", default="", metavar="TEXT", help="text of the BOS token, for a template alone")
    formats.add_argument("--eos", default="", metavar="TEXT", help="text of the EOS token, for a template alone")
    formats.add_argument(
        "--parse",
        metavar="FILE",
        help="lines of JSON, each with a raw output and what its request had; prints a message for each; - reads stdin",
    )
    formats.set_defaults(func=_formats)


def _formats(args: argparse.Namespace) -> int:
    if args.parse not in (None, "-") and (not Path(args.parse).exists() or Path(args.parse).is_dir()):
        raise ModelError(f"--parse: expected an existing file, got {args.parse!r}")
    models = mark_models(args.models)
    if len(models) > 1:
        raise OptionError(f"MODEL: expected one model or template, got {len(models)}")
    reader, *words = _template_of(models[0])
    words += [f"--bos={args.bos}", f"--eos={args.eos}"]
    if args.parse is not None:
        words.append(f"--parse={args.parse}")
    return subprocess.run(module_command(reader, *words), env=child_environment(), check=False).returncode


def _template_of(model: str) -> list[str]:
    """The program that reads a template, and its arguments: a Jinja file, or a model's files and its ``chat_template``.

    Raises:
        ModelError: there is no such model or file, or the model has no chat template.
        OptionError: an option behind ``@`` is wrong.
    """
    spec, _ = split_model_argument(model)
    if spec.endswith(_TEMPLATE_SUFFIXES):
        if not Path(spec).is_file():
            raise ModelError(f"{spec}: no such file")
        return [_READERS[LLAMA.name], os.path.abspath(spec)]
    (found,) = find_models(load_options({"model_path": [model]}, None).models, [])
    if found.engine not in _READERS:
        raise ModelError(f"{model}: expected a text model, which may have a chat template, got one for {found.engine}")
    return [_READERS[found.engine], found.path, f"--chat-template={found.chat_template or ''}"]
