"""``python -m workers.llama.chat FILE``: what ``nexa formats`` shows of a GGUF model or of a template."""

from __future__ import annotations

import sys

from workers.chat.report_command import run_report
from workers.llama.chat.template_file import read_chat

if __name__ == "__main__":
    sys.exit(run_report("workers.llama.chat", read_chat))
