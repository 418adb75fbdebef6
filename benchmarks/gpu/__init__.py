"""Throughput of networks on a GPU: `python -m benchmarks.gpu`."""
