"""Exports any Keras model to other runtimes and verifies the files."""

from keras_attn.exporting.export import export as export
