"""What turns lists of tokens into rows of numbers."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]


class Computer(Protocol):
    """Computes batches of up to ``batch_tokens`` tokens of up to ``sequences`` inputs."""

    batch_tokens: int
    sequences: int

    def parts(self, inputs: list[list[int]]) -> Generator[Rows | None]:
        """Computes inputs, in parts if that is possible: None after each but the last, then a row for each input.

        Nothing of them stays if the generator is closed before its end. An error of the model's library means that
        nothing was computed.
        """

    def close(self) -> None:
        """Free its memory. The model must be freed after it."""
