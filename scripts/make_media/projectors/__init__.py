"""The projector files."""
