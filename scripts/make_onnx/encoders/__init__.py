"""Embedding models and rerankers; runs in the throw-away environment."""
