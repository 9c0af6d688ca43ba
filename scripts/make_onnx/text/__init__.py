"""A text model in onnxruntime-genai's form, from a GGUF file; runs in the throw-away environment."""
