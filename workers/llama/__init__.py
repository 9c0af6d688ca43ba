"""The text engine. Importing anything of it settles how llama.cpp's threads wait, which is read when it is loaded."""

import os

# By default threads spin so long at each barrier that decoding becomes several times slower as soon as another process
# wants a core; without any spinning one stream becomes three times slower on a calm machine.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
