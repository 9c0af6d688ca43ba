"""The image engine. Importing anything of it settles how ggml's threads wait, which is read when that is loaded."""

import os

# By default threads spin so long at each barrier that every step becomes several times slower as soon as another
# process wants a core; without any spinning it becomes slower on a calm machine.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
