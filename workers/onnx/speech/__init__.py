"""Whisper in ONNX: what encodes and generates behind the engine of :mod:`workers.whisper`.

``folder`` reads a model's settings, ``features`` computes spectrograms, ``tokenizer`` knows the tokens. ``decoder``
runs the decoder's graphs and holds the caches of its rows; ``search`` decides which token comes next in each row,
within ``rules``. ``alignment`` finds when words were said. ``model`` puts them together.
"""
