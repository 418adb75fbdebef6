"""Measurements against plain PyTorch: one module per question, `make bench`."""
