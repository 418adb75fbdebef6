"""Runs models and records their layers without modifying them."""
