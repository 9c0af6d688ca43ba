"""Deaths of workers are told from orders to leave."""

from __future__ import annotations

from scripts.one_box.report import unexpected_ends

LOG = """
nexa WARNING worker exited worker=a/0 device=cpu reason="exited with code 0"
nexa WARNING worker exited worker=b/0 device=cpu reason="killed by SIGKILL"
nexa INFO unloading worker=c/0 reason="makes room for a"
nexa WARNING worker exited worker=c/0 device=cpu reason="killed by SIGKILL"
router WARNING worker lost worker=b/0 reason="its heartbeats stopped" jobs=0
"""


def test_only_workers_that_were_not_told_to_end_count_as_dead() -> None:
    assert unexpected_ends(LOG) == 1
