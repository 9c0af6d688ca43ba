"""What of LoRA files the library could use, as it says in its log."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from workers.diffusion.loras import Lora
from workers.diffusion.painting import Listener, OrderRefused

_LINE = re.compile(r"(Only )?\((\d+) / (\d+)\) LoRA tensors have been applied, lora_file_path = (.*)")


@dataclass(slots=True)
class _Use:
    applied: int
    total: int
    is_partial: bool


class LoraUses:
    """How many tensors of each file found their layers. The library says it when it merges a file, not each time.

    Where it computes a LoRA beside quantised weights, it counts for each part of the model: then only a file of which
    nothing fits is told apart.
    """

    def __init__(self) -> None:
        self._uses: dict[str, _Use] = {}

    def note(self, line: str) -> None:
        """Learn from a line of the library's log."""
        found = _LINE.search(line)
        if found is None:
            return
        path, applied, total = found[4], int(found[2]), int(found[3])
        former = self._uses.get(path)
        if found[1] or former is None or former.is_partial:
            self._uses[path] = _Use(applied, total, bool(found[1]))
        else:
            former.applied = max(former.applied, applied)

    def check(self, loras: Sequence[Lora], listener: Listener) -> None:
        """Warn of files that fitted in part.

        Raises:
            OrderRefused: nothing of one fitted.
        """
        for lora in loras:
            use = self._uses.get(os.fsencode(lora.path).decode("utf-8", "replace"))
            if use is None or not lora.weight:
                continue
            if not use.applied:
                message = f"expected a LoRA of this model in {lora.path.name}, got one of whose tensors none fits"
                raise OrderRefused(f"prompt: {message}", "prompt")
            if use.is_partial:
                listener.on_warning(f"{lora.path.name}: {use.applied} of {use.total} tensors fit the model")
