"""stable-diffusion.cpp: what computes the pictures of checkpoints and GGUF files. Nothing else imports the library."""
