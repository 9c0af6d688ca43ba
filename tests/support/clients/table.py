"""The table of clients and features in docs/clients.md."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.printed import sections, table_rows

COLUMNS = {
    "Chat": "chat",
    "Stream": "stream",
    "Tools": "tools",
    "Streamed tools": "tool_stream",
    "Structured": "structured",
    "Thought": "thought",
    "Cancel": "cancel",
    "Token counts": "tokens",
    "Too long": "overflow",
    "Wrong key": "wrong_key",
    "Models": "models",
    "Embeddings": "embeddings",
}
"""The columns' heads, and what the programs call the features."""

YES, NO = "yes", "–"  # noqa: RUF001


@dataclass(frozen=True)
class PrintedRow:
    """A row: the client, its version, the API that it speaks, and the features that it is said to have."""

    client: str
    version: str
    api: str
    features: frozenset[str]

    @property
    def name(self) -> str:
        """What the program calls it."""
        return f"{self.client}, {self.api}"


def printed_rows() -> list[PrintedRow]:
    """The rows of the table.

    Raises:
        ValueError: it has other columns, or other words in its cells.
    """
    section = sections("docs/clients.md")["What works"]
    head = next(line for line in section.splitlines() if line.startswith("| "))
    expected = ["Client", "Version", "API", *COLUMNS]
    if [cell.strip() for cell in head.strip("|").split("|")] != expected:
        raise ValueError(f"columns: expected {expected}, got {head}")
    rows = []
    for client, version, api, *cells in table_rows(section):
        if set(cells) - {YES, NO}:
            raise ValueError(f"{client}: expected {YES} or {NO} in each cell, got {cells}")
        features = frozenset(f for f, cell in zip(COLUMNS.values(), cells, strict=True) if cell == YES)
        rows.append(PrintedRow(client, version, api, features))
    return rows
