"""Facial expressions with FERNet: train, evaluate, predict, explain."""
