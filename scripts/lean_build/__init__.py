"""How llama.cpp and stable-diffusion.cpp are compiled in less time, without what Python never loads."""
