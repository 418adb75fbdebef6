"""The networks of the benchmarks in plain PyTorch, as published.

Parameters keep their published names, so that ours can load them. Most
benchmarks compare the outputs of both before they time them.
"""
