"""Tools for people who work on the server: set-up, benchmarks, load and fault tests. Not installed with it."""
