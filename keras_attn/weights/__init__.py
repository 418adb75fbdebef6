"""Weights of PyTorch models into Keras layers, and back: numpy only."""

from keras_attn.weights.convert import load_torch as load_torch
from keras_attn.weights.convert import to_torch as to_torch
from keras_attn.weights.names import register_names as register_names
