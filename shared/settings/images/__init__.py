"""The options of image models."""
