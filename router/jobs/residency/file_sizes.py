"""What models need, guessed from the sizes of their files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from router.jobs.residency.needs import ModelNeeds
from router.jobs.residency.plan import Memory
from shared.hub.progress import rounded_bytes
from shared.settings import ModelSettings

PROCESS_BYTES = 150_000_000
FILES_RATIO = 1.3
BYTES_PER_S = 200_000_000


class FileSizes:
    """ModelNeeds by the sizes of files, or as measured once a worker has been loaded."""

    def __init__(self) -> None:
        self._measured: dict[str, tuple[int, float]] = {}

    def of(self, model: ModelSettings, budgets: Mapping[str, int]) -> ModelNeeds:
        size = _size(Path(model.path)) if model.path else 0
        bytes_, load_s = self._measured.get(model.name, (round(PROCESS_BYTES + size * FILES_RATIO), size / BYTES_PER_S))
        fitting = [device for device, budget in budgets.items() if bytes_ <= budget]
        if not fitting:
            largest = max(budgets.values(), default=0)
            message = f"{model.name} needs about {rounded_bytes(bytes_)}, and the budget is {rounded_bytes(largest)}"
            return ModelNeeds((), load_s, message)
        devices = [device for device in fitting if device != "cpu"] or fitting
        return ModelNeeds(tuple(({device: bytes_}, model) for device in devices), load_s)

    def learn(self, model: ModelSettings, memory: Memory, load_s: float) -> None:
        self._measured[model.name] = max(memory.values()), load_s

    def too_little(self, model: ModelSettings) -> None:
        bytes_, load_s = self._measured.get(model.name, (0, 1.0))
        self._measured[model.name] = round(bytes_ * 1.25), load_s


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
