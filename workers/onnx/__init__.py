"""Engines for ONNX models, one for each kind of job, on onnxruntime."""
