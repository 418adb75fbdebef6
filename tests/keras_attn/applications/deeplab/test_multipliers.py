import keras
import numpy as np
import pytest
from keras import ops

from keras_attn.applications.deeplab import SGD
from tests.marks import once_but_first


def model_of(units=3):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(units, name="first"),
            keras.layers.Dense(1, name="classifier"),
        ]
    )
    random = np.random.default_rng(0)
    model.set_weights(
        [random.normal(size=w.shape) for w in model.get_weights()]
    )
    return model


def fitted(optimizer, steps=3, **options):
    """Returns the weights before and after some steps."""
    random = np.random.default_rng(1)
    x = random.normal(size=(8, 4)).astype("float32")
    y = random.normal(size=(8, 1)).astype("float32")
    model = model_of()
    before = model.get_weights()
    model.compile(optimizer, "mse", **options)
    model.fit(x, y, batch_size=8, epochs=steps, verbose=0)
    return before, model.get_weights()


def in_numpy(steps, rates, momentum, decay, nesterov=False):
    """The same steps in NumPy, in float64."""
    random = np.random.default_rng(1)
    x = random.normal(size=(8, 4)).astype("float32").astype("float64")
    y = random.normal(size=(8, 1)).astype("float32").astype("float64")
    weights = [w.astype("float64") for w in model_of().get_weights()]
    moments = [np.zeros_like(w) for w in weights]
    for _ in range(steps):
        k1, b1, k2, b2 = weights
        hidden = x @ k1 + b1
        pull = 2 * (hidden @ k2 + b2 - y) / len(y)
        gradients = [
            x.T @ (pull @ k2.T),
            (pull @ k2.T).sum(0),
            hidden.T @ pull,
            pull.sum(0),
        ]
        weights = [w - w * decay * rates[0] for w in weights]
        new = []
        for i, (w, g) in enumerate(zip(weights, gradients, strict=True)):
            rate = rates[i // 2]
            moments[i] = momentum * moments[i] - rate * g
            step = moments[i]
            if nesterov:
                step = momentum * moments[i] - rate * g
            new.append(w + step)
        weights = new
    return weights


@pytest.mark.parametrize("nesterov", once_but_first([False, True]))
@pytest.mark.parametrize("jit_compile", once_but_first([False, "auto"]))
def test_the_classifier_learns_at_ten_times_the_rate(jit_compile, nesterov):
    optimizer = SGD(1e-2, 0.5, weight_decay=0.1, nesterov=nesterov)
    _, after = fitted(optimizer, jit_compile=jit_compile)
    expected = in_numpy(3, (1e-2, 1e-1), 0.5, 0.1, nesterov)
    for weight, e in zip(after, expected, strict=True):
        np.testing.assert_allclose(weight, e, rtol=1e-4, atol=1e-5)


@pytest.mark.once
def test_a_multiplier_of_zero_keeps_a_layer():
    optimizer = SGD(1e-2, weight_decay=None, multipliers={"first": 0})
    before, after = fitted(optimizer)
    for i in (0, 1):
        np.testing.assert_array_equal(after[i], before[i])
    for i in (2, 3):
        assert np.abs(after[i] - before[i]).max() > 1e-4


@pytest.mark.once
def test_without_multipliers_it_is_that_of_keras():
    _, ours = fitted(SGD(1e-2, 0.9, 1e-3, multipliers={}))
    _, keras_s = fitted(
        keras.optimizers.SGD(1e-2, momentum=0.9, weight_decay=1e-3)
    )
    for one, other in zip(ours, keras_s, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.once
def test_takes_a_schedule():
    schedule = keras.optimizers.schedules.PolynomialDecay(
        1e-2, 3, end_learning_rate=0.0, power=0.9
    )
    before, after = fitted(SGD(schedule))
    assert np.abs(after[0] - before[0]).max() > 0


@pytest.mark.once
def test_frozen_layers_do_not_matter():
    model = model_of()
    model.get_layer("first").trainable = False
    before = model.get_weights()
    model.compile(SGD(1e-2, weight_decay=None), "mse")
    model.fit(np.ones((2, 4)), np.ones((2, 1)), verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(after[0], before[0])
    assert np.abs(after[2] - before[2]).max() > 0


@pytest.mark.once
def test_a_model_is_saved_with_it_and_training_resumes(tmp_path):
    x, y = np.ones((2, 4), "float32"), np.ones((2, 1), "float32")
    model = model_of()
    model.compile(SGD(1e-2, multipliers={"classifier": 3}), "mse")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.optimizer.multipliers == {"classifier": 3}
    for each in (model, again):
        each.fit(x, y, verbose=0)
    for one, other in zip(
        model.get_weights(), again.get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize(
    "value",
    [3, {"a": -1}, {"a": "1"}, {"a": True}, {"a": float("nan")}, {1: 1}],
)
def test_refuses(value):
    with pytest.raises(ValueError, match="`multipliers.* must be a"):
        SGD(multipliers=value)


@pytest.mark.parametrize(
    ("name", "rate"),
    [("classifier_scale_1", 1.0), ("classifiers", 0.1), ("my_classifier", 0.1)],
)
def test_a_name_also_applies_to_names_that_continue_it(name, rate):
    layer = keras.layers.Dense(1, kernel_initializer="zeros", name=name)
    layer.build((None, 1))
    optimizer = SGD(0.1, momentum=0.0, weight_decay=None)
    optimizer.apply([np.ones((1, 1))], [layer.kernel])
    kernel = ops.convert_to_numpy(layer.kernel)
    np.testing.assert_allclose(kernel, -rate, rtol=1e-6)


def test_the_path_of_a_nested_layer_counts():
    inner = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(1, name="classifier")],
        name="inner",
    )
    inputs = keras.Input((4,))
    model = keras.Model(inputs, inner(inputs))
    model.set_weights([np.ones((4, 1)), np.zeros(1)])
    optimizer = SGD(0.1, momentum=0.0, weight_decay=None)
    optimizer.apply([np.ones((4, 1)), np.ones(1)], model.trainable_variables)
    kernel = ops.convert_to_numpy(model.trainable_variables[0])
    np.testing.assert_allclose(kernel, 0.0, atol=1e-6)
