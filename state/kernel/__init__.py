"""Foundations of the compiled state: JIT, array access, exact arithmetic, keys, times, and the binary format."""
