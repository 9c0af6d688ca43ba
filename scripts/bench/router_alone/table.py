"""The figures of the router as a table, beside its targets."""

from __future__ import annotations

from typing import Any

from scripts.bench.router_alone.runs import PACED_STEP_S

TARGETS = {"cpu_per_token_s": 30e-6, "ttft_p50_s": 2e-3, "rss_peak_bytes": 300e6}
"""Upper limits for the router."""


def table(cells: dict[str, Any]) -> str:
    """The figures as text, with the targets."""
    busy, paced, request, delay, held = (cells[name] for name in ("busy", "paced", "request", "delay", "open"))
    rows = [
        (f"{busy['streams']} streams at full speed: tokens/s through HTTP", f"{busy['tokens_per_s']:,.0f}", ""),
        ("  router CPU per token", _us(busy["cpu_per_token_s"]), f"<= {_us(TARGETS['cpu_per_token_s'])}"),
        ("  router CPU per 1,000 tokens", f"{busy['cpu_per_1000_tokens_s']:.4f} s", ""),
        ("  tokens per second of router CPU", f"{busy['tokens_per_cpu_s']:,.0f}", ">= 30,000"),
        ("  tokens per write to a socket", f"{busy['tokens_per_write']:.1f}", ""),
        (
            f"{paced['streams']} streams, a step every {PACED_STEP_S} s: CPU per token",
            _us(paced["cpu_per_token_s"]),
            "",
        ),
        ("one request: TTFT p50, with wire and worker", _ms(request["ttft_p50_s"]), f"<= {_ms(TARGETS['ttft_p50_s'])}"),
        ("  TTFT p95", _ms(request["ttft_p95_s"]), ""),
        ("  router CPU per request", _ms(request["cpu_per_request_s"]), ""),
        (
            "token from engine to client, 1 stream: p50 / p99",
            f"{_ms(delay['one_p50_s'])} / {_ms(delay['one_p99_s'])}",
            "",
        ),
        (f"  {delay['streams']} streams: p50 / p99", f"{_ms(delay['all_p50_s'])} / {_ms(delay['all_p99_s'])}", ""),
        (
            f"{held['at_once']:,} concurrent open streams: router memory",
            _mb(held["rss_peak_bytes"]),
            f"<= {_mb(TARGETS['rss_peak_bytes'])}",
        ),
        ("  before", _mb(held["rss_start_bytes"]), ""),
        (
            "  per idle connection / per stream",
            f"{_kb(held['idle_connection_bytes'])} / {_kb(held['active_stream_bytes'])}",
            "",
        ),
    ]
    rows += [
        (f"{api['streams']} streams of {path}: router CPU per token", _us(api["cpu_per_token_s"]), "")
        for path, api in cells["apis"].items()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{what:{widths[0]}}  {figure:>{widths[1]}}  {asked}".rstrip() for what, figure, asked in rows)


def _us(value_s: float) -> str:
    return f"{value_s * 1e6:.1f} us"


def _ms(value_s: float) -> str:
    return f"{value_s * 1e3:.2f} ms"


def _mb(size_bytes: float) -> str:
    return f"{size_bytes / 1e6:.0f} MB"


def _kb(size_bytes: float) -> str:
    return f"{size_bytes / 1e3:.1f} kB"
