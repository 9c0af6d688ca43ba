"""Faults while models come and go: ``python -m scripts.chaos.swaps``.

``processes`` kills what loads, leaves or supervises, ``orders`` gives operators' orders at bad times, ``files`` harms
model files and what is noted of their memory. ``harm`` knows what was done when, and so which failures are excused.
"""
