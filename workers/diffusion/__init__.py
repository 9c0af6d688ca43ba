"""The image engine: one picture at a time.

The life of a picture:

1. ``engine`` receives the job. ``order`` checks it by the rules of its model and its ``prompts``, takes LoRA tags out
   (``loras``) and decodes the input picture and mask (``pictures``). ``lora_fit`` checks LoRAs by their headers, which
   ``lora_files`` reads. Orders wait their turn in ``engine``.
2. ``painter`` runs the order in its own thread and turns the model's progress into events. ``step_timer`` estimates
   the time left, which decides whether a cancelled picture is finished and discarded or the process ends.
3. A ``PictureModel`` of ``painting`` computes the picture. ``native`` has that of stable-diffusion.cpp, with the engine
   and the rules for it; ``workers.onnx.images`` has another one.
4. ``metadata`` writes the picture as PNG with the parameters that produced it.

Importing this package sets how ggml's threads wait: libgomp reads the variable when it is loaded.
"""

import os

# With the default, threads spin at each barrier long enough to make a step several times slower as soon as another
# process wants a core. Without any spinning, a step is slower on an idle machine.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
