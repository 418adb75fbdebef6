"""Converts weights between PyTorch and Keras, with NumPy only."""

from keras_attn.weights.convert import load_torch as load_torch
from keras_attn.weights.convert import to_torch as to_torch
from keras_attn.weights.names import register_names as register_names
