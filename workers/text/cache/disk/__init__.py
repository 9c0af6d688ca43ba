"""A tier below main memory: prefixes in files, which outlive the process."""
