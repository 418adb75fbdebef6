"""Tests of attention blocks and related layers, with one file per layer."""
