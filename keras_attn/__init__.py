"""Attention for vision in Keras 3: blocks, models, explanations."""

# First, because it raises a helpful error if Keras has no usable backend.
from keras_attn import backend as backend

# isort: split
from keras_attn import applications as applications
from keras_attn import explain as explain
from keras_attn import exporting as exporting
from keras_attn import layers as layers
from keras_attn import weights as weights
from keras_attn.exporting import export as export

__version__ = "0.1.0"
