"""Embedding models and rerankers in ONNX: encoders, and decoders that are made for vectors.

``folder`` reads what a model's files say: how it pools, how long inputs may be, what its classifier's outputs mean. The
``tokenizer`` makes tokens of texts, and ``pairs`` joins a query and a document. The ``graph`` computes a batch of
inputs, which ``padding`` has put with others of similar length; ``pooling`` makes one row of each.
"""
