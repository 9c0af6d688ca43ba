"""The process that has loaded a model, and makes those that paint from itself. It has one thread: it may fork."""

from __future__ import annotations

import socket

from workers.diffusion.keeper.log_lines import LineToWorker
from workers.diffusion.keeper.messages import KeeperCommand, PainterEnded
from workers.diffusion.keeper.painter_process import serve
from workers.diffusion.painting import PictureModel
from workers.forking import ForkingProcess


class WeightKeeper(ForkingProcess):
    """Makes and ends processes that paint as a worker commands, and tells it when one has ended."""

    def __init__(self, control: socket.socket, line: LineToWorker, model: PictureModel) -> None:
        super().__init__(control)
        self._line = line
        self._model = model

    def carry_out(self, code: int, number: int, descriptors: list[int]) -> bool:
        if code == KeeperCommand.FORK:
            with socket.socket(fileno=descriptors[0]) as connection:
                if not self.fork(number, lambda: serve(connection, self._model)):
                    self.ended(number, 0)
        else:
            self.kill(number)
        return True

    def ended(self, number: int, by_signal: int) -> None:
        self._line.say(PainterEnded(number, by_signal))
