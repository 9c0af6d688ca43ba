"""The text engine. Importing anything of it settles how its libraries' threads wait, which is read when they load."""

import os

# By default threads spin so long at each barrier that decoding becomes several times slower as soon as another process
# wants a core; without any spinning one stream becomes three times slower on a calm machine.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# numpy's BLAS is not used here, but its threads would spin beside llama.cpp's.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
