"""What prefixes save that were kept: in memory, for each family of models, and on disk."""
