"""What was measured so far, kept as JSON, so that a run goes on where an earlier one ended."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path("build/bench/depth")


@dataclass(slots=True)
class Results:
    """Figures by what they are of, as in ``costs|q8_0|4096``; each is a list of rounds."""

    path: Path
    rounds: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @classmethod
    def of_model(cls, name: str) -> Results:
        """Those of a model; empty at first."""
        path = FOLDER / f"{name}.json"
        return cls(path, json.loads(path.read_text("utf-8")) if path.exists() else {})

    def of(self, *key: object) -> list[dict[str, Any]]:
        """The rounds of one figure."""
        return self.rounds.get("|".join(map(str, key)), [])

    def add(self, figures: Any, *key: object) -> None:
        """Keep a round, and write all."""
        name = "|".join(map(str, key))
        self.rounds.setdefault(name, []).append(asdict(figures))
        print(name, json.dumps(asdict(figures)), flush=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(self.rounds, indent=1), "utf-8")
