"""Small image models of several files with random weights, and headers of large ones, for tests without downloads.

    python -m scripts.make_images ernie FOLDER
    python -m scripts.make_images flux FOLDER
    python -m scripts.make_images headers FOLDER

``ernie`` writes an ERNIE-Image in three files: the diffusion model, a language model as its text encoder, and an
autoencoder. ``flux`` writes a FLUX.1 in three, too. ``headers`` writes a file for each version of a model that the
library knows, whose tensors have their real shapes and no data: they are holes in the file.
"""
