"""What clients saw, and the figures made of it."""
