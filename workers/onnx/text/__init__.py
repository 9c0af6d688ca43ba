"""Text models in ONNX."""
