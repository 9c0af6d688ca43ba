"""``docs/speed.md`` remade from what benchmarks have written."""
