"""The table of results."""

from __future__ import annotations

from dataclasses import dataclass

from scripts.attack.honest import Waits

MAX_HEALTH_S = 0.5
MAX_TOKEN_S = 2.0
MAX_ROUTER_BYTES = 600 * 1000 * 1000


@dataclass(frozen=True, slots=True)
class Result:
    """What one attack did. ``died`` has the roles of processes that ended, ``peak_bytes`` is the router's."""

    name: str
    got: str
    seconds: float
    died: list[str]
    waits: Waits
    peak_bytes: int

    @property
    def missed(self) -> list[str]:
        """The targets that were missed."""
        targets = {
            f"{len(self.died)} died ({', '.join(self.died)})": not self.died,
            f"/health {self.waits.health_s:.2f} s": self.waits.health_s <= MAX_HEALTH_S + self.waits.own_lag_s,
            f"tokens {self.waits.token_s:.2f} s": self.waits.token_s <= MAX_TOKEN_S + self.waits.own_lag_s,
            f"router {self.peak_bytes / 1e6:.0f} MB": self.peak_bytes <= MAX_ROUTER_BYTES,
            f"{len(self.waits.errors)} errors ({'; '.join(self.waits.errors[:2])})": not self.waits.errors,
        }
        return [what for what, holds in targets.items() if not holds]


def table(results: list[Result]) -> str:
    """All results as a Markdown table; a missed target is named in the last column."""
    heads = ["attack", "attacker got", "s", "died", "others' /health", "others' tokens", "others' answers"]
    heads += ["router peak", "missed"]
    rows = [heads, ["---", "---", *["--:"] * 6, "---"], *map(_cells, results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cells(result: Result) -> list[str]:
    waits = result.waits
    figures = [f"{result.seconds:.1f}", str(len(result.died)), f"{waits.health_s:.2f} s", f"{waits.token_s:.2f} s"]
    figures += [str(waits.answers), f"{result.peak_bytes / 1e6:.0f} MB"]
    return [result.name, result.got, *figures, "; ".join(result.missed) or "-"]
