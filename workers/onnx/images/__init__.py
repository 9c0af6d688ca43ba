"""Stable Diffusion in ONNX, in the layout of diffusers; the image engine is that of ``workers.diffusion``.

1. ``loading`` opens the graphs of a folder (``graph``) and makes the parts of a pipeline.
2. ``rules`` refuses orders that it cannot do. ``model`` paints one: ``prompts`` makes the states of the texts,
   ``sampling`` goes from noise to latents by asking the ``unet``, and the ``autoencoder`` makes the picture of them.
3. ``graph`` ends a graph that runs when its picture is cancelled.
"""
