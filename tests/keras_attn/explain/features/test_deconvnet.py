import functools

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_attn import backend
from keras_attn.applications import FERNet
from keras_attn.explain import DeconvNet
from tests.cases import deconvnet_in_numpy as in_numpy
from tests.cases.deconvnet_in_numpy import LAYERS, kept
from tests.cases.models import LARGEFOV
from tests.contracts.cases import draw_weights
from tests.contracts.devices import FORMATS, format_error, to_format
from tests.marks import once_but_first


@functools.cache
def network():
    return in_numpy.model()


@functools.cache
def steps():
    return in_numpy.Steps(network(), in_numpy.images())


@functools.cache
def deconvnet(data_format="channels_last"):
    if data_format == "channels_last":
        return DeconvNet(network())
    model = in_numpy.model(data_format)
    model.set_weights(network().get_weights())
    return DeconvNet(model)


def check(actual, expected, tolerance=1e-5):
    size = np.abs(expected).max()
    assert size > 0
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * size)


def box_of(field):
    rows, columns = np.nonzero(field)
    return [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]


def test_the_model_is_the_one_in_numpy():
    for name in LAYERS:
        layer = network().get_layer(name)
        part = keras.Model(network().inputs, layer.output)
        y = part.predict(in_numpy.images(), verbose=0)
        check(y, steps().maps[name], 1e-5)


@pytest.mark.parametrize("data_format", once_but_first(FORMATS))
@pytest.mark.parametrize("strongest", once_but_first([3, None, 1]))
@pytest.mark.parametrize("layer", LAYERS)
def test_is_each_step_undone(layer, strongest, data_format):
    if reason := format_error(data_format):
        pytest.skip(reason)
    images = to_format(in_numpy.images(), data_format)
    found = deconvnet(data_format)(images, layer, 2, strongest)
    seeds = kept(steps().maps[layer], 2, strongest)
    check(found.pixels, steps().back(layer, seeds))
    assert found.pixels.dtype == "float32"
    assert found.channels.tolist() == [2, 2, 2]
    fields = steps().fields(layer, seeds[..., 2])
    for box, field in zip(found.boxes, fields, strict=True):
        assert box.tolist() == (box_of(field) if field.any() else [0] * 4)


@pytest.mark.once
def test_a_channel_for_each_image_and_batches_of_any_size():
    maps = steps().maps["pool3"]
    images = in_numpy.images()
    found = deconvnet()(images, "pool3", [0, 3, 1], 1, batch_size=2)
    expected = [
        steps().back("pool3", kept(maps, channel, 1))[i]
        for i, channel in enumerate((0, 3, 1))
    ]
    check(found.pixels, np.stack(expected))
    assert found.channels.tolist() == [0, 3, 1]


@pytest.mark.once
def test_without_a_channel_the_strongest_of_each_image():
    images = 0 * in_numpy.images()
    images[:, 5, 6] = [[9, 0], [0, 9], [-9, 9]]
    maps = in_numpy.Steps(network(), images).maps["conv1"]
    best = maps.max(axis=(1, 2)).argmax(axis=1)
    # The channel with the largest sum is another one.
    assert np.any(best != maps.sum(axis=(1, 2)).argmax(axis=1))
    found = deconvnet()(images, "conv1")
    assert found.channels.tolist() == best.tolist()
    expected = deconvnet()(images, "conv1", best.tolist())
    np.testing.assert_array_equal(found.pixels, expected.pixels)


@pytest.mark.once
def test_negative_activations_do_not_count():
    maps = steps().maps["conv2"]
    (mixed,) = np.nonzero((maps.min((0, 1, 2)) < 0) & (maps.max((0, 1, 2)) > 0))
    channel = int(mixed[-1])
    found = deconvnet()(in_numpy.images(), "conv2", channel)
    check(found.pixels, steps().back("conv2", kept(maps, channel)))


@pytest.mark.once
def test_a_map_without_activation_is_nothing():
    images = np.zeros((1, *in_numpy.SIZE, 2), "float32")
    model = in_numpy.model()
    kernel, bias = model.get_layer("conv1").get_weights()
    model.get_layer("conv1").set_weights([kernel, bias * 0 - 1])
    found = DeconvNet(model)(images, "conv1", 1)
    assert not found.pixels.any() and not found.boxes.any()
    assert found.crops()[0].shape == (0, 0, 2)


@pytest.mark.once
def test_more_activations_than_there_are_is_all():
    images = in_numpy.images()
    found = deconvnet()(images, "conv3", 1, strongest=100)
    expected = deconvnet()(images, "conv3", 1)
    np.testing.assert_array_equal(found.pixels, expected.pixels)


@pytest.mark.once
def test_crops_are_cut_by_the_boxes():
    images = in_numpy.images()
    found = deconvnet()(images, "conv1", 0, strongest=1)
    for i, (top, left, bottom, right) in enumerate(found.boxes):
        piece = slice(top, bottom), slice(left, right)
        np.testing.assert_array_equal(found.crops()[i], found.pixels[i][piece])
        np.testing.assert_array_equal(found.crops(images)[i], images[i][piece])
    with pytest.raises(ValueError, match="one image for each of the 3"):
        found.crops(images[:2])


@pytest.mark.once
@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision(dtype):
    half = in_numpy.model(dtype=dtype)
    half.set_weights(network().get_weights())
    found = DeconvNet(half)(in_numpy.images(), "conv3", 1)
    seeds = kept(steps().maps["conv3"], 1)
    expected = steps().back("conv3", seeds)
    # A maximum may be at another pixel, so not all numbers are close.
    assert np.isfinite(found.pixels).all()
    distance = np.linalg.norm(found.pixels - expected)
    limit = 0.02 if dtype == "mixed_float16" else 0.3
    assert distance < limit * np.linalg.norm(expected)


def test_does_not_change_the_model_and_compiles_once(monkeypatch):
    model = in_numpy.model()
    images = in_numpy.images()
    before = model.predict(images, verbose=0)
    attributes = [dict(vars(layer)) for layer in model.layers]
    calls = []
    differentiate = backend.differentiate

    def counted(function):
        calls.append(function)
        return differentiate(function)

    monkeypatch.setattr(backend, "differentiate", counted)
    found = DeconvNet(model)
    for channel in range(3):
        first = found(images, "conv3", channel, 1)
        again = found(images[::-1], "conv3", channel, 1)
        # It contains no switches of another call.
        np.testing.assert_allclose(first.pixels, again.pixels[::-1], atol=1e-6)
    assert len(calls) == 1
    for layer, then in zip(model.layers, attributes, strict=True):
        now = vars(layer)
        assert now.keys() == then.keys()
        assert all(now[name] is then[name] for name in then)
    np.testing.assert_array_equal(model.predict(images, verbose=0), before)


def functional_with_operations():
    """The first layers with `ops.relu` instead of an activation."""
    image = keras.Input((*in_numpy.SIZE, 2))
    x = layers.Conv2D(4, 3, 2, "same", name="conv1")(image)
    x = layers.MaxPooling2D(2, name="pool1")(ops.relu(x))
    x = layers.Conv2D(3, 2, name="conv2")(x)
    x = layers.Activation("relu", name="relu2")(x)
    return keras.Model(image, x)


def nested():
    """The same, with the layers in a nested model."""
    flat = functional_with_operations()
    inner = keras.Sequential(
        [
            keras.Input((*in_numpy.SIZE, 2)),
            layers.Conv2D(4, 3, 2, "same", activation="relu", name="conv1"),
            layers.MaxPooling2D(2, name="pool1"),
        ],
        name="inner",
    )
    image = keras.Input((*in_numpy.SIZE, 2))
    x = layers.Conv2D(3, 2, activation="relu", name="relu2")(inner(image))
    model = keras.Model(image, x)
    model.set_weights(flat.get_weights())
    return model


@pytest.mark.parametrize("make", [functional_with_operations, nested])
def test_any_form_of_a_model(make):
    model = make()
    draw_weights(model, np.random.default_rng(2))
    model.set_weights([w + 0.2 * (w.ndim == 1) for w in model.get_weights()])
    x = in_numpy.images()
    k1, b1, k2, b2 = model.get_weights()
    y1 = in_numpy.relu(in_numpy.convolve(x, k1, (6, 7), 2, (1, 0)) + b1)
    pooled, switches = in_numpy.pool(y1, 2)
    y2 = in_numpy.relu(in_numpy.convolve(pooled, k2, (2, 2)) + b2)
    y = in_numpy.transposed(kept(y2, 1), k2, (3, 3))
    y = in_numpy.relu(in_numpy.unpool(y, switches, (6, 7)))
    expected = in_numpy.transposed(y, k1, in_numpy.SIZE, 2, (1, 0))
    found = DeconvNet(model)(x, "relu2", 1)
    check(found.pixels, expected)


@pytest.mark.once
@pytest.mark.parametrize("kind", ["layer", "operation"])
def test_a_capped_relu_keeps_its_cap(kind):
    image = keras.Input((4, 4, 1))
    if kind == "layer":
        x = layers.ReLU(max_value=6.0, name="relu")(image)
    else:
        x = ops.relu6(image)
    # Multiplies by 1, to reveal the output of the ReLU.
    one = keras.initializers.Ones()
    x = layers.Conv2D(1, 1, kernel_initializer=one, name="last")(x)
    images = np.arange(-4.0, 12.0).reshape(1, 4, 4, 1)
    found = DeconvNet(keras.Model(image, x))(images, "last", 0)
    expected = np.clip(images, 0, 6)
    np.testing.assert_allclose(found.pixels, expected, atol=1e-6)


@pytest.mark.once
def test_the_convolutions_of_fernet():
    model = FERNet()
    faces = np.random.default_rng(0).random((2, 48, 48, 1))
    found = DeconvNet(model)(faces, "stage1_pool", 3, strongest=1)
    sides = found.boxes[:, 2:] - found.boxes[:, :2]
    assert sides.max() <= 6 and found.pixels.any()
    for pixels, (top, left, bottom, right) in zip(
        found.pixels, found.boxes, strict=True
    ):
        outside = pixels.copy()
        outside[top:bottom, left:right] = 0
        assert not outside.any()


@pytest.mark.once
def test_a_largefov():
    model = LARGEFOV.subject()
    found = DeconvNet(model)(LARGEFOV.inputs(), "fc7", strongest=1)
    assert found.pixels.shape == (2, 17, 25, 3)
    assert np.abs(found.pixels).max() > 0


@pytest.mark.once
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pool9",), "`layer` must be the name"),
        (("conv3", 3), "one of the 3 maps of 'conv3'"),
        (("conv3", -1), "one of the 3 maps"),
        (("conv3", [0, 1]), "a list of 3 indices, one per image"),
        (("conv3", 1.0), "one of the 3 maps"),
        (("conv3", 0, 0), "`strongest` must be a positive integer"),
        (("conv3", 0, True), "`strongest` must be a positive integer"),
        (("dense",), "must output a map"),
    ],
)
def test_refuses(arguments, message):
    if arguments == ("dense",):
        arguments = (network().layers[-1],)
    with pytest.raises(ValueError, match=message):
        deconvnet()(in_numpy.images(), *arguments)
