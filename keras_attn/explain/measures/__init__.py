"""Measures of the quality of explanations."""
