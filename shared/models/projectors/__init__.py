"""Projectors: files that turn pictures and recordings into embeddings of a text model. Which one belongs to a model."""
