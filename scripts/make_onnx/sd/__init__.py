"""Tiny Stable Diffusion pipelines of random weights, in diffusers' ONNX layout, with pictures that diffusers paints.

The folder gets a pipeline in each of its folders: ``sd15``, ``sd15-fp16``, ``sdxl``, ``inpainting`` and ``lcm``;
``reference`` has the pictures. They are noise, but every part runs as in a real model. Other modules than ``__main__``
are imported by it only.
"""
