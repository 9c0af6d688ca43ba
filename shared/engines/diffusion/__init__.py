"""Image models for stable-diffusion.cpp: recognised by their tensors, their families, and the files that they need.

``tensors`` reads what a file holds, pickles with ``pickles``. ``versions`` tells the version of a model as the library
does, ``families`` what each paints with and needs, ``parts`` what a file beside a model is. ``spec`` is the engine.
"""
