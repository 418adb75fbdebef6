"""Classifiers of any kind: where do they look, and why."""
