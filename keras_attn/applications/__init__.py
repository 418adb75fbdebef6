"""Architectures: functions that return a `keras.Model`."""

from keras_attn.applications import fernet as fernet
from keras_attn.applications.fernet import FERNet as FERNet
