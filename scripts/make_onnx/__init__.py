"""Make model folders in ONNX, for tests and to try things, without a model hub.

    python -m scripts.make_onnx KIND FOLDER
    python -m scripts.make_onnx --cached [KIND ...]

Each kind in ``kinds`` has a module whose code runs in a throw-away environment with torch and transformers, which pip
makes once (``environment``). What tests need is made once and kept in the user's cache folder (``cache``).

The modules of the kinds import each other and this package only if that imports nothing of the project's own
environment.
"""
