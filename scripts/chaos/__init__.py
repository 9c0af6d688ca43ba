"""The chaos test, ``python -m scripts.chaos``: faults against a server under load, and checks of every answer.

``swaps`` does it to models that are loaded on demand: ``python -m scripts.chaos.swaps``.
``server`` starts the server, ``clients`` put it under load, ``faults`` harm it, ``expected`` knows the right answers,
``checks`` looks for leaks at the end, ``record`` keeps what happened. ``arithmetic`` measures how far batch shapes
alone change a model's probabilities, which sets the tolerance of ``expected``.
"""
