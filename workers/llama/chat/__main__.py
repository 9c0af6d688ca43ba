"""``python -m workers.llama.chat FILE``: what ``nexa formats`` shows."""

from __future__ import annotations

import argparse
import io
import json
import sys
from pathlib import Path

from shared.errors import ModelError
from workers.chat.model_chat import ModelChat
from workers.chat.report import BadLine, describe, parse_line
from workers.llama.chat.template_file import read_chat


def main() -> int:
    """Print what a template tells, or the messages in raw answers; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m workers.llama.chat")
    parser.add_argument("file", type=Path)
    parser.add_argument("--bos", default="")
    parser.add_argument("--eos", default="")
    parser.add_argument("--parse", type=Path)
    options = parser.parse_args()
    try:
        chat = read_chat(options.file, options.bos, options.eos)
        if options.parse is None:
            print(describe(chat))
            return 0
        return _parse(chat, options.parse)
    except (ModelError, ValueError, OSError) as error:
        print(f"nexa: {error}", file=sys.stderr)
        return 1


def _parse(chat: ModelChat, path: Path) -> int:
    """Print a line for each line of a file: a message, or what is wrong with the line; returns the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")  # halves of characters as JSON escapes
    code = 0
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    answer = parse_line(chat, line)
                except BadLine as error:
                    print(f"nexa: {path}: line {number}: {error}", file=sys.stderr)
                    answer, code = {"error": str(error)}, 1
                print(json.dumps(answer, ensure_ascii=False))
    return code


if __name__ == "__main__":
    sys.exit(main())
