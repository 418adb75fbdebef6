"""How fast networks are on a GPU: `python -m benchmarks.gpu`."""
