"""What processes take besides the model, measured on Linux with Python 3.11: as resident sets, in bytes."""

from __future__ import annotations

MB = 1000 * 1000

IDLE_BYTES = 48 * MB
"""A worker without an engine: the interpreter, and the libraries that all workers load."""

TEXT_BYTES = 85 * MB
"""A text worker without a model: the same with the libraries of text models."""

SANDBOX_BYTES = 70 * MB
"""The process beside a text worker, in which templates are rendered, without its vocabulary."""

DECODING_BYTES = 500 * MB
"""What such a process takes to decode one of the largest pictures, or half an hour of sound."""

VOCABULARY_BYTES_PER_TOKEN = 1_100
"""Pieces, texts and the tokenizer of grammars, in a worker; about a half of it again in its sandbox."""

GRAMMAR_BYTES_PER_TOKEN = 1_200
"""Of these, in both processes, what comes only with the first grammar."""

SPEECH_BYTES = 110 * MB
"""A speech worker without a model: the same with the libraries of CTranslate2 and PyAV."""

PICTURE_BYTES = 60 * MB

KEEPER_BYTES = 95 * MB
"""The process beside a worker for pictures on a CPU, which keeps the weights, without these."""

ONNX_BYTES = 110 * MB

GPU_CONTEXT_BYTES = 550 * MB
"""What CUDA itself takes of a GPU for each process: its context, kernels, and a workspace of cuBLAS."""

GPU_LIBRARY_BYTES = 400 * MB
"""What CUDA's libraries add to a process in main memory."""
