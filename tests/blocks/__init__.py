"""Attention blocks and their kin, all that tests know of each in one file."""
