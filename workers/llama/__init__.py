"""The text engine: continuous batching over llama.cpp. Each folder can be read alone:

- ``native``: llama.cpp itself: model, context, batch, memory, vocabulary, log.
- ``chat``: chat templates, and the formats of tool calls in them.
- ``constraints``: schemas and grammars that an answer must satisfy.
- ``sampling``: drawing tokens from logits.
- ``text``: token bytes to text, stop strings.
- ``cache``: which sequence holds which cells of the KV cache.

The life of a sequence: ``preparation`` makes a ``sequence`` from a job, in a separate thread (render, tokenise,
compile the grammar). It waits in the ``scheduler`` for a slot and cells, and shares the longest cached prefix. In each
step of the ``engine`` the scheduler picks tokens of prompts (prefill) and of running sequences (decode), llama.cpp
computes them in one batch, and ``generation`` draws each sequence's next token and its text. If the cache is full, the
youngest sequence goes back to the queue. An ended one stays cached until its cells are needed.

Importing this package sets how its libraries' threads wait. The libraries read that when they are loaded.
"""

import os

# By default, threads spin for long at each barrier, and decoding gets several times slower when another process wants
# a core. Without spinning, a single stream gets three times slower on an idle machine.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# numpy's BLAS is not used here, but its threads would spin beside llama.cpp's.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
