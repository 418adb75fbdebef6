"""Figures of explanations, independent of any model."""
