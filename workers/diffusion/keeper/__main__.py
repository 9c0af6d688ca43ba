"""``python -m workers.diffusion.keeper DESCRIPTOR``: a keeper of weights, started by a worker."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

import workers.diffusion  # noqa: F401  sets how the library's threads wait, before it is loaded
from shared.engines.diffusion_names import SAMPLERS
from shared.parent import die_with_parent
from workers.diffusion.keeper.keeper import WeightKeeper
from workers.diffusion.keeper.log_lines import LineToWorker, sendable
from workers.diffusion.keeper.messages import SETUPS, CannotLoad, Loading, WeightsLoaded
from workers.diffusion.native.opening import open_native
from workers.diffusion.painting import PictureModel
from workers.engine import EngineLoadError
from workers.framing import receive

_GPU_FILES = ("/dev/nvidia", "/dev/dri", "/dev/kfd", "/dev/dxg")


def main(descriptor: int) -> int:
    """Serve the worker at the other end of a socket until it has gone; returns an exit code."""
    die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):  # are for the worker, which still finishes its picture
        signal.signal(number, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    setup = receive(control, SETUPS)
    if setup is None:
        return 0
    line = LineToWorker(control)
    line.attach()
    try:
        model = open_native(setup.read(), lambda fraction: line.say(Loading(fraction)))
    except EngineLoadError as error:
        line.say(CannotLoad(sendable(str(error))))
        return 1
    line.say(_loaded(model))
    WeightKeeper(control, line, model).run()
    return 0


def _loaded(model: PictureModel) -> WeightsLoaded:
    sampler, _ = model.names_of(None, None)
    return WeightsLoaded(not _holds_gpu(), sampler, {name: model.names_of(name, None)[1] for name in SAMPLERS})


def _holds_gpu() -> bool:
    """Whether this process has a GPU's driver open."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the descriptor of this very listing is closed by now
            if os.readlink(descriptor).startswith(_GPU_FILES):
                return True
    return False


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
