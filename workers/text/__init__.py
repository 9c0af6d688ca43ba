"""The text engine: continuous batching over a model that decodes. Each folder can be read alone:

- ``constraints``: schemas and grammars that an answer must satisfy.
- ``sandbox``: processes that render chat templates and compile grammars.
- ``prompts``: from a prompt or a chat to tokens.
- ``sampling``: drawing tokens from logits, with llama.cpp's samplers: a seed means the same in all formats.
- ``output``: token bytes to text, stop strings.
- ``cache``: which sequence holds which cells of the KV cache.
- ``scheduling``: which tokens the next step computes, and whose turn it is.

The life of a sequence: ``preparation`` makes a ``sequence`` from a job, in a separate thread (render, tokenise,
compile the grammar). It waits in the ``scheduler`` for a slot and cells, and shares the longest cached prefix. In each
step of the ``engine`` the scheduler picks tokens of prompts (prefill) and of running sequences (decode), the decoder
computes them in one batch, and ``generation`` draws each sequence's next token and its text. If the cache is full, the
youngest sequence goes back to the queue. An ended one stays cached until its cells are needed.

What a model must offer stands in ``model`` and ``vocabulary``; :mod:`workers.llama` and :mod:`workers.onnx` have such
models. Importing this package sets how its libraries' threads wait.
"""

import workers.native_threads  # noqa: F401
