"""What ``nexa formats`` runs: shows what a template tells, or the messages in raw answers."""

from __future__ import annotations

import argparse
import codecs
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from shared.errors import ModelError
from workers.chat.model_chat import ModelChat
from workers.chat.report import BadLine, describe, parse_line

ChatReader = Callable[[Path, str, str, str], ModelChat]
"""Reads a file's template. It gets the path, the texts of BOS and EOS, and the template to use instead of the model's.

It raises ModelError, ValueError or OSError if it cannot.
"""


def run_report(module: str, read_chat: ChatReader) -> int:
    """Run ``python -m module FILE``; returns the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("file", type=Path)
    parser.add_argument("--bos", default="")
    parser.add_argument("--eos", default="")
    parser.add_argument("--chat-template", default="")
    parser.add_argument("--parse", metavar="FILE")
    options = parser.parse_args()
    try:
        chat = read_chat(options.file, options.bos, options.eos, options.chat_template)
        if options.parse is None:
            print(describe(chat), flush=True)
            return 0
        return _parse(chat, options.parse)
    except BrokenPipeError:  # the reader has enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ModelError, ValueError, OSError) as error:
        print(f"nexa: {error}", file=sys.stderr)
        return 1


def _parse(chat: ModelChat, path: str) -> int:
    """Print a line for each line of a file, or of stdin; returns the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # halves of characters as JSON escapes
    if path == "-":
        return _parse_lines(chat, "stdin", sys.stdin.buffer)
    with Path(path).open("rb") as lines:
        return _parse_lines(chat, path, lines)


def _parse_lines(chat: ModelChat, name: str, lines: Iterable[bytes]) -> int:
    """Print a line for each line that is not empty: a message, or what is wrong with the line."""
    code = 0
    for number, line in enumerate(lines, 1):
        line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
        if line.strip():
            try:
                answer = parse_line(chat, line)
            except BadLine as error:
                print(f"nexa: {name}: line {number}: {error}", file=sys.stderr)
                answer, code = {"error": str(error)}, 1
            print(_on_one_line(answer), flush=True)
    return code


def _on_one_line(answer: dict[str, Any]) -> str:
    """The answer as JSON. Characters that some programs take for the end of a line are escaped."""
    text = json.dumps(answer, ensure_ascii=False)
    return re.sub("[\x85\u2028\u2029]", lambda end: f"\\u{ord(end[0]):04x}", text)
