"""How fast MoPos is, against the floor below which nothing can go: see docs/benchmarks.md."""
