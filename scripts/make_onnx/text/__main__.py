"""``python -m scripts.make_onnx.text FOLDER GGUF PRECISION``: fill a folder."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from scripts.make_gguf.vocabulary import read_vocabulary
from scripts.make_onnx.text.tokenizer import write_tokenizer


def main(folder: Path, source: Path, precision: str) -> None:
    """Write onnxruntime-genai's folder of a GGUF model: ``int4`` weights, or those of the file as ``fp32``."""
    vocabulary = read_vocabulary(source)
    with tempfile.TemporaryDirectory() as temporary:
        weights = Path(temporary) / "weights"
        print("reading the weights")
        model = AutoModelForCausalLM.from_pretrained(source.parent, gguf_file=source.name, dtype=torch.float32)
        model.hf_quantizer, model.is_quantized = None, False  # the weights are no longer what the file says
        del model.config.quantization_config
        model.save_pretrained(weights)
        write_tokenizer(vocabulary, weights)
        print(f"writing the graph ({precision})")
        options = ["-p", precision, "-e", "cpu", "-c", temporary, "--extra_options", "hf_token=false"]
        builder = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(weights), "-o", str(folder)]
        done = subprocess.run([*builder, *options], capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stdout[-2000:] + done.stderr[-2000:])
    write_tokenizer(vocabulary, folder)  # as they were: transformers changes them


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
