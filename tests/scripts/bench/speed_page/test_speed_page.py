"""The page of measurements is remade from the files that benchmarks write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scripts.bench.measurements.figures import cell_of
from scripts.bench.measurements.outcome import Outcome
from scripts.bench.speed_page.__main__ import main
from scripts.bench.speed_page.measured import MeasuredTable, write_table
from scripts.bench.speed_page.servers import servers_table

PAGE = """# Speed

<!-- measured: sampling -->
old
<!-- end -->

Between.

<!-- measured: servers-m -->
<!-- end -->

<!-- measured: depth -->

2020-01-01. Of another machine.

<!-- end -->
"""
ABOUT = {
    "date": "2031-01-02 03:04 UTC",
    "cpu": "Some CPU",
    "cores": 2,
    "versions": {"nexa-server": "1", "other": "not installed"},
}


def cell(total_s: float) -> dict[str, Any]:
    return cell_of([Outcome(0.0, [0.5], 1.0, tokens=40)], 0.0, total_s).as_dict()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.md").write_text(PAGE)
    return tmp_path


def remake(folder: Path) -> str:
    assert main(["--results", str(folder), "--page", str(folder / "page.md")]) == 0
    return (folder / "page.md").read_text()


def test_parts_with_results_are_remade_and_others_stay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    MeasuredTable("sampling", "2031-01-02", [["size", "ms"], ["9", "1.5"]], "A note.", "run me").write(
        folder / "tables"
    )
    MeasuredTable("unknown", "2031-01-02", [["a"], ["b"]]).write(folder / "tables")
    page = remake(folder)
    assert "old" not in page
    assert (
        "2031-01-02. A note.\n\n| size | ms |\n| --: | --: |\n| 9 | 1.5 |\n\n```sh\nrun me\n```\n\n<!-- end -->" in page
    )
    assert "Between." in page
    assert "2020-01-01. Of another machine." in page
    assert capsys.readouterr().out.splitlines() == ["sampling: remade", "unknown: has no place in the page"]
    assert remake(folder) == page


def test_a_run_of_servers_is_a_table_with_ratios(folder: Path) -> None:
    rounds = [
        {"nexa": {"a": cell(2.0), "c-cold": cell(2.0)}, "llama-server": {"a": cell(4.0), "c-cold": cell(4.0)}},
        {"nexa": {"a": cell(2.0)}, "llama-server": {"a": cell(6.0)}},
    ]
    setting = {"model": "m.gguf", "threads": 2, "context": 4096, "slots": 16}
    (folder / "run").mkdir()
    (folder / "run" / "results.json").write_text(json.dumps({"rounds": rounds, "setting": setting, "machine": ABOUT}))
    page = remake(folder)
    assert "2031-01-02, 2 cores of an Some CPU. m, 2 threads, context 4096, 16 slots; nexa-server 1; medians" in page
    assert "| one user, tokens/s | 20 | 8 | 2.50 (2.00 to 3.00) |" in page
    assert "cold: all answered after, s | 2.0 | 4.0 | 0.50 |" in page


def test_the_part_of_a_made_model_has_its_name_without_a_version() -> None:
    rounds = [{"nexa": {"a": cell(2.0)}}]
    setting = {"model": "random-1b-q4_k_m-0123456789.gguf", "threads": 2, "context": 4096, "slots": 16}
    table = servers_table({"rounds": rounds, "setting": setting, "machine": ABOUT})
    assert table.name == "servers-random-1b-q4_k_m"
    assert table.note.startswith("random-1b-q4_k_m, 2 threads")


def test_a_table_of_now_tells_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_table("sampling", [["x"], ["1"]])
    assert "cores of an" in MeasuredTable.read(path).measured


def test_a_damaged_file_is_told_and_the_page_stays(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tables").mkdir()
    (folder / "tables" / "x.json").write_text('{"name": "x", "rows": []}')
    assert main(["--results", str(folder), "--page", str(folder / "page.md")]) == 1
    assert "expected a measured table" in capsys.readouterr().err
    assert (folder / "page.md").read_text() == PAGE
