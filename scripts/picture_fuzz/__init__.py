"""Picture orders at random, many of them wrong, for the image engine: whatever a client sends, no worker may die."""
