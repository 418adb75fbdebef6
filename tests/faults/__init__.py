"""Faults planted in a copy of the package: `python -m tests.faults`."""
