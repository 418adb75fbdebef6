"""Trains, compares and explains image classifiers."""
