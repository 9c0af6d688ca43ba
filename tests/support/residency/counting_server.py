"""``python -m``: ``nexa``, whose count of the kernel's kills for lack of memory is read from a file of the test.

What the tests cannot do for real is to make the kernel kill: it would choose among all processes of the machine.
``nexa server`` becomes the supervisor, which is then this module too.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from unittest.mock import patch

from router.cli import launch
from router.cli.main import main
from shared.interpreter import module_command
from workers.supervisor import __main__ as supervisor
from workers.supervisor.placing import memory_kills as counting

COUNTS = "NEXA_TEST_KILL_COUNTS"
"""The variable with the file, which is like /proc/vmstat."""

if __name__ == "__main__":
    if sys.argv[1:2] == ["--settings"]:
        file = Path(os.environ[COUNTS])
        counting.memory_kills = partial(counting.memory_kills, file.parent, Path(os.devnull), file)
        sys.exit(supervisor.main())

    def itself(_: str, *options: str) -> list[str]:
        return module_command("tests.support.residency.counting_server", *options)

    with patch.object(launch, "module_command", itself):
        sys.exit(main())
