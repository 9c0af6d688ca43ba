"""How the threads of native libraries wait. They read it when they are loaded, so this is imported before them."""

from __future__ import annotations

import os

# By default, threads spin for long at each barrier, and decoding gets several times slower when another process wants
# a core. Without spinning, a single stream gets three times slower on an idle machine.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# numpy's BLAS is not used here, but its threads would spin beside those that decode.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
