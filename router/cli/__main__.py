"""``python -m router.cli``: the command ``nexa``."""

from __future__ import annotations

import sys

from router.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
