"""Models of given shapes and sizes with random weights, quantised by llama.cpp: for benchmarks and tests."""
