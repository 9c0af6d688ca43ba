"""Writes small models that see and hear: a text model and its projector file (``mmproj``), as llama.cpp reads them."""
