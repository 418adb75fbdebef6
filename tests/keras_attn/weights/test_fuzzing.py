"""Hundreds of damaged files load as saved, or raise a `ValueError`."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_attn.weights import load_torch, register_names
from keras_attn.weights.files import to_numpy
from tests.keras_attn.weights.crafted import CODES, read_safetensors, write

# Reading uses only NumPy.
pytestmark = pytest.mark.once

# Names and shapes in PyTorch.
SHAPES = {
    "0.weight": (4, 3),
    "0.bias": (4,),
    "1.weight": (4,),
    "1.bias": (4,),
    "1.running_mean": (4,),
    "1.running_var": (4,),
}
COUNTER = "1.num_batches_tracked"
rng = np.random.default_rng(5)
ARRAYS = {
    name: rng.uniform(0.5, 2, shape).astype("float32")
    for name, shape in SHAPES.items()
}
# The slow searches continue where the quick ones end.
examples_of = pytest.mark.parametrize(
    "examples", [100, pytest.param(1000, marks=pytest.mark.slow)]
)


def search(examples, *strategies):
    """Returns a decorator that runs a function on many examples."""

    def run(function):
        settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
        )(given(*strategies)(function))()

    return run


@pytest.fixture
def model(no_other_models):
    register_names(lambda m: [(str(i), m.layers[i]) for i in range(2)])
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(),
        ]
    )


def state_of(model):
    return {
        name: np.array(to_numpy(variable))
        for name, variable in zip(
            SHAPES,
            [
                *model.layers[0].trainable_variables,
                *model.layers[1].trainable_variables,
                *model.layers[1].non_trainable_variables,
            ],
            strict=True,
        )
    }


def assert_equal(state, expected):
    for name, array in state.items():
        assert array.dtype == "float32"
        assert array.tobytes() == expected[name].tobytes(), name


def loads(model, source):
    """Returns whether loading succeeds; if not, nothing has changed."""
    before = state_of(model)
    try:
        load_torch(model, source)
    except ValueError:
        assert_equal(state_of(model), before)
        return False
    return True


def as_keras(arrays):
    return {
        name: np.ascontiguousarray(arrays[name].T, "float32") for name in SHAPES
    }


def changes_of(data):
    """Returns a strategy of bytes that are close to given ones."""
    found = [data.find(array.tobytes()) for array in ARRAYS.values()]
    place = st.integers(0, len(data) - 1)
    # Weights are a small but important part of a file.
    if max(found) >= 0:
        place |= st.sampled_from([i for i in found if i >= 0])
    change = st.one_of(
        st.tuples(st.just("flip"), place, st.integers(0, 7)),
        st.tuples(st.just("cut"), place, st.just(None)),
        st.tuples(st.just("write"), place, st.binary(min_size=1, max_size=9)),
        st.tuples(st.just("insert"), place, st.binary(min_size=1, max_size=9)),
        st.tuples(st.just("delete"), place, st.integers(1, 9)),
        st.tuples(st.just("copy"), place, place),
    )
    return st.lists(change, max_size=3).map(lambda c: changed(data, c))


def changed(data, changes):
    data = bytearray(data)
    for kind, place, value in changes:
        place = min(place, len(data))
        if kind == "flip" and place < len(data):
            data[place] ^= 1 << value
        elif kind == "cut":
            del data[place:]
        elif kind == "write":
            data[place : place + len(value)] = value
        elif kind == "insert":
            data[place:place] = value
        elif kind == "delete":
            del data[place : place + value]
        elif kind == "copy":
            data[place : place + 30] = data[value : value + 30]
    return bytes(data)


@examples_of
@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_a_damaged_archive_is_refused_or_does_not_matter(
    model, tmp_path, suffix, examples
):
    path = tmp_path / f"a{suffix}"
    write(path, ARRAYS)
    expected = as_keras(ARRAYS)
    outcomes = set()

    @search(examples, changes_of(path.read_bytes()))
    def check(data):
        path.write_bytes(data)
        outcomes.add(loaded := loads(model, path))
        if loaded:
            assert_equal(state_of(model), expected)

    assert outcomes == {True, False}


@examples_of
def test_a_damaged_safetensors_is_refused_or_read_as_it_is(
    model, tmp_path, examples
):
    """It has no checksum, so other numbers are valid weights."""
    path = tmp_path / "a.safetensors"
    write(path, ARRAYS)
    outcomes = set()

    @search(examples, changes_of(path.read_bytes()))
    def check(data):
        path.write_bytes(data)
        outcomes.add(loaded := loads(model, path))
        if loaded:
            state = state_of(model)
            assert all(np.isfinite(array).all() for array in state.values())
            assert_equal(state, as_keras(read_safetensors(data)))

    assert outcomes == {True, False}


@examples_of
def test_a_damaged_older_torch_file_is_refused_or_finite(
    model, tmp_path, examples
):
    """It has no checksum, and no other reader."""
    path = tmp_path / "a.pt"
    write(path, ARRAYS, zipped=False)
    outcomes = set()

    @search(examples, changes_of(path.read_bytes()))
    def check(data):
        path.write_bytes(data)
        outcomes.add(loads(model, path))
        state = state_of(model)
        assert all(np.isfinite(array).all() for array in state.values())

    assert outcomes == {True, False}


name = st.sampled_from([*SHAPES, COUNTER, "", "1", "module.0.bias", "../a"])
shape = st.sampled_from(
    [(4, 3), (3, 4), (12,), (4, 3, 1, 1), (4, 3, 1), (1, 4, 3), (4,), (1, 4)]
    + [(2, 2), (4, 1), (), (0,), (0, 4), (4, 0, 3)]
)
# NumPy's files and PyTorch do not preserve bfloat16.
DTYPES = st.sampled_from(sorted(CODES.keys() - {"bfloat16"}))
value = st.sampled_from([np.nan, np.inf, -np.inf, 1e300, -1e39, 1e30, 0.1])
edit = st.one_of(
    st.tuples(st.just("rename"), name, name),
    st.tuples(st.just("drop"), name, st.just(None)),
    st.tuples(st.just("swap"), name, name),
    st.tuples(st.just("add"), name, st.just(None)),
    st.tuples(st.just("shape"), name, shape),
    st.tuples(st.just("dtype"), name, DTYPES),
    st.tuples(st.just("value"), name, value),
)


def edited(edits):
    arrays = {name: array.copy() for name, array in ARRAYS.items()}
    for kind, name, what in edits:
        if kind == "add":
            arrays.setdefault(name, np.ones(4))
        if name not in arrays:
            continue
        if kind == "rename":
            arrays[what] = arrays.pop(name)
        elif kind == "drop":
            del arrays[name]
        elif kind == "swap" and what in arrays:
            arrays[name], arrays[what] = arrays[what], arrays[name]
        elif kind == "shape":
            arrays[name] = np.resize(arrays[name], what)
        elif kind == "dtype":
            with np.errstate(all="ignore"):
                arrays[name] = arrays[name].astype(what)
        elif kind == "value" and arrays[name].size:
            array = arrays[name].astype("float64")
            array.flat[0] = what
            arrays[name] = array
    return arrays


def expected_of(arrays):
    """Returns the arrays to load, or `None` if they must be rejected."""
    if arrays.keys() - {COUNTER} != SHAPES.keys():
        return None
    found = {}
    for name, expected in SHAPES.items():
        array = arrays[name]
        # A linear layer may be a 1x1 convolution.
        ones = len(expected) == 2 and set(array.shape[2:]) <= {1}
        if array.shape != expected and not (
            ones and array.shape[:2] == expected
        ):
            return None
        with np.errstate(over="ignore"):
            array = array.astype("float32").reshape(expected)
        if arrays[name].dtype == bool or not np.isfinite(array).all():
            return None
        found[name] = array
    return as_keras(found)


@examples_of
@pytest.mark.parametrize("suffix", [None, ".npz", ".safetensors", ".pt"])
def test_other_names_shapes_and_numbers_are_refused_or_read_as_they_are(
    model, tmp_path, suffix, examples
):
    outcomes = set()
    if suffix == ".safetensors":
        pytest.importorskip("safetensors", reason="reads its files")

    @search(examples, st.lists(edit, max_size=3))
    def check(edits):
        arrays = edited(edits)
        source = arrays
        if suffix is not None:
            source = tmp_path / f"a{suffix}"
            write(source, arrays)
        expected = expected_of(arrays)
        assert loads(model, source) == (expected is not None)
        outcomes.add(expected is not None)
        if expected is not None:
            assert_equal(state_of(model), expected)

    assert outcomes == {True, False}
