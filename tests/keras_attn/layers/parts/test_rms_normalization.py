import numpy as np

from keras_attn.layers.parts.rms_normalization import RMSNormalization
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS


def reference(weights, x):
    """Divides each token by its root mean square."""
    mean = np.mean(x**2, axis=-1, keepdims=True)
    return weights["gamma"] * x / np.sqrt(mean + 0.5)


CASE = LayerCase(
    cls=RMSNormalization,
    kwargs={"epsilon": 0.5},
    shape=(5, 8),
    num_weights=1,
    reference=reference,
    formats=FORMATS[:1],
)


@contract([CASE], LAYER_CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)
