"""Counts the parameters and operations that each block adds to ResNet-50.

XLA counts the operations of the graph before it is optimised, so this runs on
JAX.
"""

import jax
import keras
import numpy as np

from benchmarks import harness
from keras_attn import layers
from keras_attn.applications import ResNet50


def count(attention):
    """Returns the parameters, and the MFLOP of one image in inference."""
    keras.utils.clear_session()
    model = ResNet50(attention=None if attention == "none" else attention)
    weights = [weight.value for weight in model.variables]

    def predict(images, weights):
        state = list(zip(model.variables, weights, strict=True))
        with keras.StatelessScope(state_mapping=state):
            return model(images, training=False)

    image = np.zeros((1, 224, 224, 3), "float32")
    found = jax.jit(predict).lower(image, weights).cost_analysis()
    parameters = sum(int(np.prod(w.shape)) for w in model.trainable_weights)
    return parameters, found["flops"] / 1e6


def main():
    """Records the difference that each block makes."""
    before, operations = count("none")
    print(f"without: {before:,} parameters, {operations:.0f} MFLOP")
    rows = []
    # FeatureAct has a weight for each pair of positions: impractical here.
    for attention in sorted({*layers.names()} - {"feature_act"}):
        parameters, flops = count(attention)
        rows.append(
            {
                "attention": attention,
                "parameters": parameters - before,
                "MFLOP": flops - operations,
            }
        )
        print(rows[-1])
    harness.record("counts", "jax", rows)


if __name__ == "__main__":
    main()
