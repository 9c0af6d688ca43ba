"""``python -m workers.llama.chat FILE``: what ``nexa formats`` shows."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from shared.errors import ModelError
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
        with options.parse.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    try:
                        print(json.dumps(parse_line(chat, line), ensure_ascii=False))
                    except BadLine as error:
                        raise ModelError(f"{options.parse}: line {number}: {error}") from None
    except (ModelError, ValueError, OSError) as error:
        print(f"nexa: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
