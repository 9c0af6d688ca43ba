from __future__ import annotations

import pytest

from router.cli.tables import add_row, new_table, print_table


def test_cells_cannot_harm_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    table = new_table()
    table.add_column("NAME")
    add_row(table, "a\x1b[2J\u202eb\nc")
    print_table(table)
    assert capsys.readouterr().out.splitlines()[1].rstrip() == "a\\u001b[2J\\u202eb\\nc"
