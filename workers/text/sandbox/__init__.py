"""Processes for what requests and model files make a worker compute: chat templates, schemas, grammars."""
