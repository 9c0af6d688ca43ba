"""Embedding models and rerankers as GGUF files, over llama.cpp."""
