"""The examples that the documents for users print: commands, programs, answers and settings files."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any

from tests.support.documents import REPOSITORY

API_DOCUMENTS = (
    "docs/administration.md",
    "docs/api.md",
    "docs/automatic1111.md",
    "docs/batches.md",
    "docs/embeddings.md",
    "docs/https.md",
    "docs/images.md",
    "docs/messages.md",
    "docs/ollama.md",
    "docs/responses.md",
)
"""Those that have endpoints with their fields."""

USED_DOCUMENTS = ("docs/command-line.md", "docs/getting-started.md", "docs/media.md", "docs/operating.md")
"""Those whose examples are typed anywhere, not in the checkout."""

DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    *API_DOCUMENTS,
    *USED_DOCUMENTS,
    "docs/speed.md",
)
RUN = frozenset({"sh", "python"})
"""Languages of examples that are run."""

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

INSTALLS = "installs into .venv, which takes minutes; the tests of set-up and package cover it"
NETWORK = "downloads from the hub"
TERMINAL = "needs a terminal and someone who types"
LONG = "takes from minutes to an hour"
SYSTEM = "changes the machine; tests/more does it in a container with systemd"

NOT_RUN = {
    "make serve     # set up .venv": INSTALLS,
    "make serve\n": INSTALLS,
    "make serve EXTRAS=speech,images MODEL=": INSTALLS,
    "make serve EXTRAS=media MODEL=": INSTALLS,
    "make setup-dev": INSTALLS,
    "make setup ": INSTALLS,
    'NEXA_CMAKE_ARGS="-DGGML_NATIVE=OFF" make setup': INSTALLS,
    "uv tool install ": INSTALLS,
    "git pull": INSTALLS,
    "nexa pull smollm2-360m": NETWORK,
    "nexa server qwen3 nomic-embed-text": NETWORK,
    "nexa server qwen3-4b ": NETWORK,
    "sudo .venv/bin/nexa service install": SYSTEM,
    "nexa chat\n": TERMINAL,
    "nexa doctor --lan\n": "looks at the network of the machine; tests/router/cli/doctor has one",
    "make bench ": LONG,
    ".venv/bin/python -m scripts.bench.router_alone\n": LONG,
    ".venv/bin/python -m scripts.chaos ": LONG,
    ".venv/bin/python -m pytest tests/router/http": "is a part of make test",
}
"""Beginnings of the examples that no test runs, with the reason."""


@dataclass(frozen=True)
class Example:
    """A fenced block. ``line`` is the number of its first line in ``document``."""

    document: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def reason_not_to_run(self) -> str | None:
        """Why no test runs it; None if one does."""
        return next((reason for beginning, reason in NOT_RUN.items() if self.text.startswith(beginning)), None)


def text_of(document: str) -> str:
    """A document's text."""
    return (REPOSITORY / document).read_text()


def examples(*documents: str) -> list[Example]:
    """All examples of these documents, in their order."""
    return [
        Example(document, text.count("\n", 0, found.start()) + 2, found[1], found[2])
        for document in documents
        for text in [text_of(document)]
        for found in _BLOCK.finditer(text)
    ]


def commands(text: str) -> list[list[str]]:
    """The commands of a shell example as words, without comments and texts for standard input."""
    found: list[list[str]] = []
    pending = ""
    lines = iter(text.splitlines(keepends=True))
    for line in lines:
        pending = pending.removesuffix("\\\n") + line
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:  # a quotation goes on in the next line
            continue
        if pending.endswith("\\\n"):
            continue
        pending = ""
        found += [words] if words else []
        if "<<END" in words:
            while next(lines) != "END\n":
                pass
    assert not pending, pending
    return found


def table_rows(section: str) -> list[list[str]]:
    """The cells of the rows of all tables in a section, without the heads."""
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [
        [cell.strip() for cell in row.strip("|").split("|")]
        for row, following in zip(rows, [*rows[1:], ""], strict=True)
        if not row.startswith("| ---") and not following.startswith("| ---")
    ]


def sections(document: str) -> dict[str, str]:
    """The text below each heading of a document, up to the next one."""
    parts = re.split(r"^#+ (.*)$", _BLOCK.sub("", text_of(document)), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def differences(printed: Any, real: Any, path: str = "answer") -> list[str]:
    """Where a real answer has other fields, or values of another type, than the printed one.

    Of lists the first elements are compared; null goes with everything.
    """
    if printed is None or real is None:
        return []
    if isinstance(printed, float | int) and isinstance(real, float | int):
        return [] if isinstance(printed, bool) == isinstance(real, bool) else [f"{path}: {printed!r}, really {real!r}"]
    if type(printed) is not type(real):
        return [f"{path}: {printed!r}, really {real!r}"]
    if isinstance(printed, dict):
        found = [f"{path}.{name} is only printed" for name in printed.keys() - real.keys()]
        found += [f"{path}.{name} is not printed" for name in real.keys() - printed.keys()]
        both = printed.keys() & real.keys()
        return found + [line for name in both for line in differences(printed[name], real[name], f"{path}.{name}")]
    if isinstance(printed, list) and printed:
        return differences(printed[0], real[0], f"{path}[0]") if real else [f"{path}: really empty"]
    return []
