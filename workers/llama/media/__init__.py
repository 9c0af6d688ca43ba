"""Pictures and sound for models of llama.cpp: libmtmd with a projector file, and the decoding of embeddings."""
