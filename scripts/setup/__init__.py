"""The parts of ``scripts/setup.sh``, which creates ``.venv``."""
