"""The embedding engine: vectors and scores of whole texts, whichever library computes them.

The life of a job: in a separate thread, ``inputs`` (for vectors) or ``pairs`` (for scores) make lists of tokens of it,
within the model's limit. They wait in the ``queue``, from which each step takes a batch: inputs of many
jobs, as many as fit, users in turn. A ``computer`` turns the batch into a row of numbers per input, and the ``encoder``
gives these to their jobs, as ``results`` writes them.

In ``gguf`` are the computers over llama.cpp. A text model that computes embeddings too has both engines in one process
(``gguf.text_engine``): they share the weights.
"""
