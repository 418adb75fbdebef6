"""Property tests of every public layer, with drawn arguments and inputs."""

import inspect
import json

import keras
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from keras_attn import layers
from tests.cases.layers import EXAMPLES, REFUSED
from tests.contracts.cases import draw_weights
from tests.contracts.devices import FORMATS, format_error, to_numpy

# TensorFlow traces a graph for each shape, and JAX compiles one, which is slow.
COUNT = {"torch": 10, "tensorflow": 3, "jax": 1}[keras.backend.backend()]
PUBLIC = [cls for _, cls in inspect.getmembers(layers, inspect.isclass)]
# Keras warns of a softmax over a single codeword or token.
pytestmark = pytest.mark.filterwarnings("ignore:.*You are using a softmax")
every_layer = pytest.mark.parametrize("cls", PUBLIC)


@pytest.fixture(scope="module", autouse=True)
def probed():
    """Probes the backend in advance, as strategies must not use randomness."""
    for data_format in FORMATS:
        format_error(data_format)


def drawn(count):
    """Returns a decorator that draws the same `count` examples in each run."""
    # Examples are small, so they need no shrinking.
    phases = [Phase.generate]
    options = {"derandomize": True, "deadline": None, "database": None}
    limit = settings(max_examples=count, phases=phases, **options)
    return lambda test: limit(given(data=st.data())(test))


@pytest.mark.once
@every_layer
@drawn(COUNT)
def test_shapes_and_configs_agree(cls, data):
    check(data.draw(EXAMPLES[cls]))


@pytest.mark.slow
@every_layer
@drawn(20 * COUNT)
def test_shapes_and_configs_agree_for_many(cls, data):
    check(data.draw(EXAMPLES[cls]))


@pytest.mark.once
@every_layer
def test_has_a_strategy(cls):
    assert cls in EXAMPLES and cls in REFUSED


def check(example):
    """Checks a layer with random weights against all that is documented."""
    layer = example.cls(**example.kwargs)
    config = layer.get_config()
    _check_arguments(layer, example.kwargs)
    expected = _promised(example.outputs, example.map(lambda x: x.shape))
    computed = _computed(layer, example.map(lambda x: x.shape))
    assert computed == expected, f"computed {computed}, before it is built"

    inputs, call = example.arrays()
    layer(inputs, **call)
    draw_weights(layer, np.random.default_rng(0))
    for fill in (0.0, 3.0, None):
        inputs, call = example.arrays(fill)
        outputs = keras.tree.flatten(layer(inputs, **call))
        assert _shapes(outputs) == expected, f"eager {_shapes(outputs)}"
        _check_finite(outputs)
    computed = _computed(layer, example.map(lambda x: x.shape))
    assert computed == expected, f"computed {computed}"
    _check_symbolic(layer, example, outputs)
    if example.attention is not None:
        _check_attention(layer, example, inputs, call)

    assert layer.get_config() == config, "`build` changes the config"
    plain = json.loads(json.dumps(config))
    again = example.cls.from_config(plain)
    assert again.get_config() == config, "`from_config` changes the config"
    if example.fixed_size:
        _check_refused(again, example.symbols(unknown_sizes=True), "None")
    else:
        _check_symbolic(again, example, outputs, unknown_sizes=True)


def _check_arguments(layer, kwargs):
    """Checks that the config has every argument as given."""
    config = layer.get_config()
    for name in inspect.signature(type(layer)).parameters:
        assert name == "kwargs" or name in config, f"`{name}` is missing"
    for name, given_value in kwargs.items():
        if name in ("dtype", "kernel_initializer", "bias_initializer"):
            continue
        kept = config[name]
        if isinstance(kept, tuple) and not isinstance(given_value, tuple):
            given_value = given_value or config["pool_size"]
            given_value = np.broadcast_to(given_value, 2).tolist()
        assert json.dumps(kept) == json.dumps(given_value), (
            f"`{name}` is {kept!r}, was {given_value!r}"
        )
    assert layer.dtype_policy.name == kwargs["dtype"]


def _check_symbolic(layer, example, outputs, unknown_sizes=False):
    """Checks that symbolic calls and shapes agree with the docstring."""
    inputs, call = example.symbols(unknown_sizes)
    shapes = keras.tree.map_structure(lambda x: tuple(x.shape), (inputs, call))
    symbols = keras.tree.flatten(layer(inputs, **call))
    expected = _promised(example.outputs, shapes)
    assert _shapes(symbols) == expected, f"symbolic {_shapes(symbols)}"
    computed = _computed(layer, shapes)
    assert computed == expected, f"computed {computed} for unknown sizes"
    for symbol, output in zip(symbols, outputs, strict=True):
        assert symbol.dtype == keras.backend.standardize_dtype(output.dtype)


def _check_attention(layer, example, inputs, call):
    maps = keras.tree.flatten(layer.attention(inputs, **call))
    # The values of a dictionary, in the order of its sorted keys.
    expected = _promised(example.attention, example.map(lambda x: x.shape))
    assert _shapes(maps) == expected, f"attention {_shapes(maps)}"
    _check_finite(maps)


def _check_finite(tensors):
    for array in to_numpy(tensors):
        assert np.isfinite(array.astype("float32")).all()


def _check_refused(layer, tensors, received):
    inputs, call = tensors
    with pytest.raises(ValueError, match=received):
        layer(inputs, **call)


def _promised(promise, shapes):
    inputs, call = shapes
    return [tuple(shape) for shape in promise(inputs, **call)]


def _computed(layer, shapes):
    """Returns the shapes of `compute_output_shape` as a flat list."""
    inputs, call = shapes
    known = inspect.signature(layer.compute_output_shape).parameters
    call = {f"{name}_shape": shape for name, shape in call.items()}
    call = {name: shape for name, shape in call.items() if name in known}
    computed = layer.compute_output_shape(inputs, **call)
    several = isinstance(computed[0], (list, tuple))
    return [tuple(shape) for shape in (computed if several else [computed])]


def _shapes(tensors):
    return [tuple(tensor.shape) for tensor in keras.tree.flatten(tensors)]


REFUSALS = [
    (cls, name, value)
    for cls, arguments in REFUSED.items()
    for name, values in arguments.items()
    for value in values
]


@pytest.mark.once
@pytest.mark.parametrize(
    ("cls", "name", "value"),
    REFUSALS,
    ids=[f"{c.__name__}-{n}-{v!r}" for c, n, v in REFUSALS],
)
@drawn(2)
def test_rejects_what_is_not_allowed(cls, name, value, data):
    kwargs = data.draw(EXAMPLES[cls]).kwargs
    # Keras itself rejects unknown names.
    ours = not name.endswith(("activation", "initializer"))
    rule = rf"(?s)`{name}`.+Received: .*\b{name}="
    with pytest.raises(ValueError, match=rule if ours else None):
        cls(**{**kwargs, name: value})


@pytest.mark.once
@every_layer
@drawn(2)
def test_rejects_another_data_format(cls, data):
    kwargs = data.draw(EXAMPLES[cls]).kwargs
    for value in ("channels_lost", "", 1):
        if "data_format" in kwargs:
            with pytest.raises(ValueError, match=f"data_format={value!r}"):
                cls(**{**kwargs, "data_format": value})


# These layers treat each channel alone. Only the first needs their number, for
# its weights.
ANY_CHANNELS = {
    layers.AttentionToScale,
    layers.BilinearResizing,
    layers.MaxPooling2DWithIndices,
    layers.TenCrop,
}


@pytest.mark.parametrize(
    "cls", [cls for cls in PUBLIC if cls not in ANY_CHANNELS]
)
@drawn(2)
def test_rejects_an_unknown_number_of_channels(cls, data):
    example = data.draw(EXAMPLES[cls])

    def symbol(tensor):
        first = example.kwargs.get("data_format") == "channels_first"
        shape = list(tensor.shape)
        shape[1 if first else -1] = None
        return keras.Input(batch_shape=shape, dtype=tensor.dtype)

    _check_refused(example.cls(**example.kwargs), example.map(symbol), "None")
