import numpy as np

from keras_attn.layers.parts.layer_normalization import LayerNormalization
from tests.contracts import LAYER_CHECKS, LayerCase, contract
from tests.contracts.devices import FORMATS


def reference(weights, x):
    deviation = x - x.mean(-1, keepdims=True)
    variance = np.square(deviation).mean(-1, keepdims=True)
    y = deviation / np.sqrt(variance + 1e-3)
    return weights["gamma"] * y + weights["beta"]


CASE = LayerCase(
    cls=LayerNormalization,
    kwargs={"epsilon": 1e-3},
    shape=(5, 8),
    num_weights=2,
    reference=reference,
    formats=FORMATS[:1],
    masks=True,
)


@contract([CASE], LAYER_CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)
