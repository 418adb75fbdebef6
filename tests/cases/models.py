"""The models."""

from keras_attn.applications import FERNet, ResNetCIFAR
from tests.contracts import ModelCase

FERNET = ModelCase(
    function=FERNet,
    shape=(16, 16, 1),
    num_weights=84,
    in_float32=("predictions",),
)
RESNET = ModelCase(
    function=ResNetCIFAR,
    kwargs={"depth": 8, "attention": "se", "classes": 3},
    shape=(9, 8, 3),
    # 9 convolutions with normalisation, 3 blocks of SE, the classifier.
    num_weights=9 * 3 + 3 * 4 + 2,
    in_float32=("predictions",),
)
