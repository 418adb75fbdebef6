"""Measurements against plain PyTorch: a module a question, `make bench`."""
