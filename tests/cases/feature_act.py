"""FeatureAct."""

import numpy as np

from keras_attn.layers import FeatureAct
from tests.cases.equations import sigmoid
from tests.contracts import LayerCase


def feature_act(activation=None):
    """Returns the equations of FeatureAct, position by position."""

    def reference(weights, x):
        batch, height, width, channels = x.shape
        n = height * width
        x = x.reshape(batch, n, channels)
        s, t, m = (
            np.einsum("bpc,cd->bpd", x, weights[f"{name}_kernel"])
            + weights[f"{name}_bias"]
            for name in ("source", "target", "main")
        )
        m = np.maximum(m, 0.0)
        a = np.einsum("qp,bpi,bpk->bqik", weights["mixing"], s, t) / np.sqrt(n)
        a = a + weights["mixing_bias"][:, None, None]
        if activation is not None:
            a = activation(a)
        f = np.einsum("bqi,bqik->bqk", m, a)
        u = np.einsum("bqd,dc->bqc", f, weights["up_kernel"])
        y = x + np.maximum(u + weights["up_bias"], 0.0)
        return y.reshape(batch, height, width, channels)

    return reference


# The layer sums pairs of channels first where positions <= dim**2.
FEATURE_ACT = (
    LayerCase(
        name="feature_act_explicit",
        cls=FeatureAct,
        kwargs={"ratio": 4},
        shape=(4, 3, 12),
        num_weights=10,
        reference=feature_act(),
        fixed_size=True,
    ),
    LayerCase(
        name="feature_act_factored",
        cls=FeatureAct,
        kwargs={"ratio": 2},
        shape=(3, 4, 10),
        num_weights=10,
        reference=feature_act(),
        fixed_size=True,
    ),
    LayerCase(
        name="feature_act_sigmoid",
        cls=FeatureAct,
        kwargs={"ratio": 3, "activation": "sigmoid"},
        shape=(3, 4, 12),
        num_weights=10,
        reference=feature_act(sigmoid),
        fixed_size=True,
    ),
)
