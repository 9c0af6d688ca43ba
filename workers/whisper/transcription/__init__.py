"""From chunks to segments of text."""
