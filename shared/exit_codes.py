"""Exit codes by which a worker tells the supervisor what to do."""

from __future__ import annotations

CANNOT_LOAD = 3
"""The model cannot be loaded; do not try again."""

REPLACE = 4
"""The worker exited to stop a cancelled job; start another one at once."""

OUT_OF_MEMORY = 5
"""The model cannot be loaded, as there is too little memory; with more of it, it could."""
