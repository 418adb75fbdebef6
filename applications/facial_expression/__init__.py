"""Recognises facial expressions with FERNet."""
