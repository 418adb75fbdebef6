"""Tests which models each backend can export, and to which formats."""
