"""The models."""

from keras_attn.applications import FERNet
from tests.contracts import ModelCase

FERNET = ModelCase(
    function=FERNet,
    shape=(16, 16, 1),
    num_weights=84,
    in_float32=("predictions",),
)
