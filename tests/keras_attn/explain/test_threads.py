"""Explanations are invisible to other threads while they run."""

import contextlib
import pathlib
import threading

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_attn import explain
from keras_attn.backend import COMPILES

BACKEND = keras.backend.backend()


@keras.saving.register_keras_serializable("tests")
class Visited(layers.Layer):
    """Calls a function whenever Python runs the layer."""

    visitor = None

    def call(self, x):
        if Visited.visitor is not None:
            Visited.visitor()
        return x


@pytest.fixture(autouse=True)
def nobody_visits():
    yield
    Visited.visitor = None


def network():
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = layers.GlobalAveragePooling2D()(Visited()(x))
    x = layers.Dense(3, activation="softmax", name="scores")(x)
    return keras.Model(inputs, x)


def some(count=4):
    return np.random.default_rng(0).random((count, 8, 8, 1), "float32")


def state(model):
    """Returns the state of layers, except for what each Keras call changes."""
    parts = [model, *model.layers]
    held = [
        {k: v for k, v in vars(each).items() if k not in TRAINER}
        for each in parts
    ]
    return held, [ops.convert_to_numpy(v).copy() for v in model.variables]


# Errors of Keras itself beside its `predict`, which empties the model.
BY_KERAS = (TypeError, ValueError, RuntimeError) if BACKEND == "jax" else ()
TRAINER = (
    "_called",
    "_jax_state",
    "_jax_state_synced",
    "predict_function",
    "stop_predicting",
)


def assert_same(before, after):
    for old, new in zip(before[0], after[0], strict=True):
        assert old.keys() == new.keys()
        assert not [name for name in old if new[name] is not old[name]]
    for old, new in zip(before[1], after[1], strict=True):
        np.testing.assert_array_equal(old, new)


def run_all(*functions):
    """Runs functions in threads, and raises the first error."""
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(x,)) for x in functions]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for error in errors:
        raise error


def test_explanations_can_be_nested():
    model, images = network(), some()
    expected = explain.GradCAM(model)(images)
    before, scores = state(model), ops.convert_to_numpy(model(images))
    inside, ended = threading.Event(), threading.Event()
    first = threading.get_ident()
    found = {}

    def visit():
        if threading.get_ident() == first and not inside.is_set():
            inside.set()
            assert ended.wait(60)

    def one():
        nonlocal first
        first = threading.get_ident()
        # Separate scores, since compiled functions run no Python code.
        found["first"] = explain.GradCAM(model)(images, lambda y: ops.max(y, 1))

    def other():
        assert inside.wait(60)
        found["second"] = explain.GradCAM(model)(
            images, lambda y: 1.0 * ops.max(y, 1)
        )
        ended.set()

    Visited.visitor = visit
    run_all(one, other)
    Visited.visitor = None
    for maps in found.values():
        np.testing.assert_allclose(maps, expected, atol=1e-6)
    assert_same(before, state(model))
    np.testing.assert_array_equal(ops.convert_to_numpy(model(images)), scores)


def stress(rounds, folder):
    """Explains in four threads while other threads use the model."""
    model, images = network(), some()
    shared = explain.GradCAM(model)
    inside = explain.Network(model)
    expected = shared(images)
    scores = model.predict(images, verbose=0)
    before = state(model)
    done = threading.Event()
    makers = [
        lambda: shared,
        lambda: explain.GradCAM(model),
        lambda: explain.GradCAM(inside),
        lambda: explain.HiResCAM(inside),
    ]

    def explaining(make):
        def function():
            for _ in range(rounds):
                np.testing.assert_allclose(make()(images), expected, atol=1e-5)

        return function

    def predicting():
        while not done.is_set():
            np.testing.assert_allclose(
                model.predict(images, verbose=0), scores, atol=1e-6
            )

    def calling():
        while not done.is_set():
            with contextlib.suppress(*BY_KERAS):
                found = ops.convert_to_numpy(model(images))
                np.testing.assert_allclose(found, scores, atol=1e-6)

    def saving():
        path = pathlib.Path(folder) / "model.keras"
        while not done.is_set():
            with contextlib.suppress(*BY_KERAS):
                model.save(path)
                copy = keras.saving.load_model(path)
                found = copy.predict(images, verbose=0)
                np.testing.assert_allclose(found, scores, atol=1e-6)

    def all_explaining():
        try:
            run_all(*map(explaining, makers))
        finally:
            done.set()

    run_all(all_explaining, predicting, calling, saving)
    assert_same(before, state(model))


def test_threads_do_not_interfere(tmp_path):
    stress(3, tmp_path)


@pytest.mark.slow
def test_threads_do_not_interfere_under_stress(tmp_path):
    stress(300, tmp_path)


class Waiting(keras.utils.PyDataset):
    """Returns a second batch only when allowed to."""

    def __init__(self):
        super().__init__()
        self.trains, self.goes_on = threading.Event(), threading.Event()

    def __len__(self):
        return 2

    def __getitem__(self, index):
        if index:
            self.trains.set()
            assert self.goes_on.wait(60)
        return some(), np.zeros((4, 3), "float32")


def test_beside_training(monkeypatch):
    model, images = network(), some()
    cam = explain.GradCAM(model)
    cam(images)
    model.compile("sgd", "mse")
    data, errors = Waiting(), []
    thread = threading.Thread(target=lambda: model.fit(data, verbose=0))
    if BACKEND == "jax":
        from keras_attn.backend import jax

        monkeypatch.setattr(jax, "PATIENCE", 0.0)
    thread.start()
    try:
        assert data.trains.wait(60)
        for _ in range(200):
            try:
                maps = cam(images)
                assert np.isfinite(maps).all()
            except RuntimeError as error:
                errors.append(str(error))
                break
    finally:
        data.goes_on.set()
        thread.join()
    # Only where Keras removes the weights is there an error.
    assert all("while another thread runs its `fit`" in x for x in errors)
    assert not errors or BACKEND == "jax"
    assert np.isfinite(cam(images)).all()


def test_weights_that_change_during_a_run_do_not_count():
    """Updates by PyTorch's optimizers are visible from the next run on."""
    model, images = network(), some()
    dense = model.get_layer("scores")
    kernel, bias = dense.get_weights()
    old, new = -kernel, kernel
    expected = explain.GradCAM(model)(images, 1)
    dense.set_weights([old, bias])

    def visit():
        if not COMPILES:
            Visited.visitor = None
            dense.kernel.assign(new)

    Visited.visitor = visit
    if COMPILES:
        dense.kernel.assign(new)
    maps = explain.GradCAM(model)(images, 1)
    np.testing.assert_allclose(maps, expected, atol=1e-6)


def test_an_interrupt_leaves_nothing_behind():
    model, images = network(), some()
    before, scores = state(model), ops.convert_to_numpy(model(images))

    def visit():
        raise KeyboardInterrupt

    Visited.visitor = visit
    with pytest.raises(KeyboardInterrupt):
        explain.GradCAM(model)(images)
    Visited.visitor = None
    assert_same(before, state(model))
    np.testing.assert_array_equal(ops.convert_to_numpy(model(images)), scores)
