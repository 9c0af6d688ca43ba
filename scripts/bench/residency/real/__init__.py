"""Users of models that exclude each other, on real servers: this one and llama-server's router mode."""
