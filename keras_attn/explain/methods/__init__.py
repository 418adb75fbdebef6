"""Explanation methods, such as class activation maps, one file per method."""
