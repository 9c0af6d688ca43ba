"""``nexa doctor``: one screen on this machine, what is missing, and what mends it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain

from rich.console import Console
from rich.table import Table
from rich.text import Text

from router.cli.doctor import network
from router.cli.doctor.findings import Finding, FindingState
from router.cli.doctor.hardware import display_makers, examine_cpu, examine_disk, examine_gpus, examine_memory
from router.cli.doctor.serving import DEFAULT_PORT, examine_port
from router.cli.doctor.software import examine_build, examine_extras, examine_models, examine_nexa
from router.cli.tables import table_columns
from shared.logs.escaping import escaped
from shared.settings.option import OptionError
from shared.settings.sources import OPTIONS

PORT = OPTIONS["port"]
_MARKS = {
    FindingState.OK: ("ok", "green"),
    FindingState.NOTE: ("note", "yellow"),
    FindingState.PROBLEM: ("MISSING", "bold red"),
}


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand; it sets ``func(args) -> exit code``."""
    parser = subparsers.add_parser(
        "doctor",
        help="look at this machine, and at what is missing",
        description="Look at processor, GPU, memory, disk, port, build, extras and models, and say what mends what is "
        "missing. Exit code 1: a server would not run. Nothing is changed.",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object")
    parser.add_argument("--lan", action="store_true", help="test whether other devices reach this machine")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help=f"the server's port (default {DEFAULT_PORT})")
    parser.set_defaults(func=_doctor)


def examine(port: int) -> Iterator[Finding]:
    """All findings, in the order of the report."""
    cpu = examine_cpu()
    yield examine_nexa()
    yield cpu
    yield examine_memory()
    yield from examine_gpus()
    yield from examine_build(cpu.facts["features"], "NVIDIA" in display_makers())
    yield examine_extras()
    yield from chain(examine_disk(), [examine_models(), examine_port(port)])


def _doctor(args: argparse.Namespace) -> int:
    if args.lan:
        if args.json:
            raise OptionError("--json: expected no --lan beside it, which talks to a person")
        return network.run_lan_test(args.port)
    findings = list(examine(args.port))
    healthy = all(finding.state is not FindingState.PROBLEM for finding in findings)
    if args.json:
        print(json.dumps({"ok": healthy, "findings": [asdict(finding) for finding in findings]}, indent=1))
    else:
        print_findings(findings)
    return 0 if healthy else 1


def print_findings(findings: list[Finding]) -> None:
    """A line per finding, folded at the width of the terminal, with what mends it below."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = _MARKS[finding.state]
        table.add_row(finding.topic, Text(mark, style=style), escaped(finding.text))
        if finding.remedy and finding.state is not FindingState.OK:
            table.add_row("", "", escaped(f"-> {finding.remedy}"))
    Console(width=table_columns(), highlight=False, emoji=False, markup=False).print(table)


def _port(text: str) -> int:
    try:
        port = PORT.spec.value.read(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected {PORT.spec.value.expected}, got {text!r}") from None
    return int(port)
