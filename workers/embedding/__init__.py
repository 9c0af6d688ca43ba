"""The embedding engine: vectors and scores of whole texts, over llama.cpp.

The life of a job: in a separate thread, ``inputs`` (for vectors) or ``pairs`` (for scores) make lists of tokens of it,
within the model's limit. They wait in the ``queue``, from which each step takes a batch: inputs of many
jobs, as many as fit, users in turn. A ``computer`` turns the batch into a row of numbers per input, and the ``encoder``
gives these to their jobs.

A text model that computes embeddings too has both engines in one process (``text_engine``): they share the weights.
"""
