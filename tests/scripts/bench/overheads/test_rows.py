"""Parts that were measured at different times, or with different versions of Python, make one table."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.bench.overheads.rows import HEADING, Row, keep, table


def test_the_table_has_all_parts_that_were_kept_in_their_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    keep("3 router", [Row("router", "8 µs", "15 µs")])
    keep("1 start", [Row("start", "1.5", "1.2"), Row("memory", "80 MB")])
    keep("3 router", [Row("router", "7 µs", "15 µs")])
    assert table() == [HEADING, ["start", "1.5", "1.2"], ["memory", "80 MB", ""], ["router", "7 µs", "15 µs"]]
    assert (tmp_path / "build/bench/tables/overheads.json").exists()
