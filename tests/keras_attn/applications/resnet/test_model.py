import functools
import re

import keras
import numpy as np
import pytest
from keras import ops

from keras_attn import backend
from keras_attn.applications import ResNet18, ResNet50, ResNetCIFAR, resnet
from keras_attn.layers import DIA, ECA, FCA, GCT, SE, names
from keras_attn.weights import load_torch, to_torch
from tests.cases import RESNET
from tests.contracts import MODEL_CHECKS, ModelCase, contract
from tests.contracts.saving import (
    check_registered_name,
    check_saved_and_loaded,
)
from tests.goldens import (
    cotangent,
    load_golden,
    random_weights,
    resnet_images,
)

# The numbers are torchvision's and timm's, below.
CHECKS = [c for c in MODEL_CHECKS if c.__name__ != "check_matches_reference"]


@contract([RESNET], CHECKS)
def test_keeps_the_contract(case, check, tmp_path):
    check(case, tmp_path)


def trainable(model):
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "bottleneck", "attention"),
    [
        ("basic", False, None),
        ("bottleneck", True, None),
        ("timm_se", True, functools.partial(SE, divisor=8)),
        # timm's rule for the kernel is ours.
        ("timm_eca", False, "eca"),
    ],
)
class TestReference:
    """The networks of torchvision and timm, with the same random weights."""

    def model(self, name, bottleneck, attention):
        """Returns few blocks a stage, with the golden's weights."""
        blocks = (2 if "timm" in name else 1, 1, 1, 1)
        model = resnet.model._resnet(0, bottleneck, blocks, 0)(
            input_shape=(64, 63, 3),
            classes=5,
            classifier_activation=None,
            attention=attention,
        )
        shapes = {k: array.shape for k, array in to_torch(model).items()}
        load_torch(model, random_weights(shapes))
        return model

    def test_names_and_shapes(self, name, bottleneck, attention):
        model = self.model(name, bottleneck, attention)
        shapes = {k: list(array.shape) for k, array in to_torch(model).items()}
        assert shapes == load_golden(f"resnet_{name}")["meta"]["shapes"]

    def test_logits_and_gradients(self, name, bottleneck, attention):
        golden = load_golden(f"resnet_{name}")
        model = self.model(name, bottleneck, attention)
        pull = ops.convert_to_tensor(cotangent((2, 5)))

        def function(x):
            return ops.sum(model(x, training=False) * pull)

        images = resnet_images()
        logits = model.predict(images, verbose=0)
        size = np.abs(golden["logits"]).max()
        np.testing.assert_allclose(
            logits, golden["logits"], rtol=1e-4, atol=1e-4 * size
        )
        _, gradient = backend.value_and_gradient(function, images)
        gradient = ops.convert_to_numpy(gradient)[:, ::3, ::3]
        away = np.linalg.norm(gradient - golden["gradient"])
        # A ReLU that rounding flips moves it by a hundredth.
        assert away < 2e-2 * np.linalg.norm(golden["gradient"])


@pytest.mark.once
@pytest.mark.parametrize(
    ("attention", "more"),
    # 25,557,032 is torchvision's; more by the blocks' own formulas, of which
    # the papers print 28.09 M for SE, 80 for ECA and 60,416 for SRM.
    [
        (None, 0),
        ("se", 2_530_992),
        (functools.partial(SE, use_bias=False), 2_514_944),
        ([functools.partial(ECA, kernel_size=k) for k in (3, 5, 5, 7)], 80),
        ("eca", 86),
        ("srm", 60_416),
        ("fca", 2_514_944),
        ("cbam", 2_530_992 + 16 * 100),
        # The sum over the last blocks of the four stages.
        ("gsop", 230_784 + 394_880 + 723_072 + 1_379_456),
    ],
    ids=str,
)
def test_parameters_of_resnet50(attention, more):
    model = ResNet50(attention=attention)
    assert trainable(model) == 25_557_032 + more


@pytest.mark.once
def test_parameters_of_resnet18():
    assert trainable(ResNet18()) == 11_689_512


def attention_layers(model):
    return [la.name for la in model.layers if "attention" in la.name]


@pytest.mark.once
def test_attention_ends_each_branch():
    assert attention_layers(ResNetCIFAR(depth=14, attention="eca")) == [
        f"stage{s}_block{b}_attention" for s in (1, 2, 3) for b in (1, 2)
    ]


@pytest.mark.once
def test_attention_ends_each_stage():
    model = ResNetCIFAR(depth=14, attention="eca", placement="last")
    assert attention_layers(model) == [
        f"stage{s}_block2_attention" for s in (1, 2, 3)
    ]


@pytest.mark.once
def test_gct_goes_before_each_convolution():
    model = ResNetCIFAR(depth=8, attention="gct")
    convolutions = [
        layer for layer in model.layers if hasattr(layer, "convolution")
    ]
    sources = {id(layer.output): layer for layer in model.layers}
    for layer in convolutions:
        assert isinstance(sources[id(layer.input)], GCT), layer.name
    assert len(attention_layers(model)) == len(convolutions) == 9


@pytest.mark.once
@pytest.mark.parametrize("name", ["dia", "gsop", "fca"])
def test_loads_with_each_attention(name, tmp_path):
    attention = {"fca": functools.partial(FCA, frequencies="top4")}
    case = ModelCase(
        function=ResNetCIFAR,
        name=f"resnet_{name}",
        kwargs={"depth": 8, "attention": attention.get(name, name)},
        shape=(9, 8, 3),
    )
    check_registered_name(case, tmp_path)
    check_saved_and_loaded(case, tmp_path)


@pytest.mark.once
def test_dia_is_one_cell_a_stage():
    model = ResNetCIFAR(depth=14, attention="dia")
    found = [layer for layer in model.layers if isinstance(layer, DIA)]
    assert len(found) == 3
    # One a block would be twice as many.
    alone = ResNetCIFAR(depth=14, attention="dia", placement="block")
    assert sum(isinstance(layer, DIA) for layer in alone.layers) == 6


@pytest.mark.once
def test_the_state_of_dia_goes_from_block_to_block():
    model = ResNetCIFAR(depth=14, attention="dia")
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    names = ("block1_conv2", "block1", "block2_conv2")
    layers = [model.get_layer(f"stage1_{name}") for name in names]
    outputs = [layer.output for layer in (*layers, model.get_layer("stage1"))]
    first, shortcut, second, expected = keras.Model(
        model.input, outputs
    ).predict(x, verbose=0)
    dia = model.get_layer("stage1_attention")
    _, h, c = dia(first)
    y, _, _ = dia(second, initial_state=[h, c])
    y = np.maximum(shortcut + ops.convert_to_numpy(y), 0.0)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


# Each layer has this by itself; here, what the network does to it.
@pytest.mark.parametrize(
    "name",
    [
        None,
        "dia",
        "fca",
        *(
            pytest.param(name, marks=pytest.mark.thorough)
            for name in ("gct", "gsop", "cbam")
        ),
    ],
)
def test_takes_images_of_any_size(name):
    kwargs = {"depth": 8, "attention": name, "classes": 3}
    any_size = ResNetCIFAR(**kwargs, input_shape=(None, None, 3))
    for size in ((9, 8), (16, 12)):
        x = np.random.default_rng(0).normal(size=(2, *size, 3))
        fixed = ResNetCIFAR(**kwargs, input_shape=(*size, 3))
        fixed.set_weights(any_size.get_weights())
        np.testing.assert_allclose(
            any_size.predict(x, verbose=0),
            fixed.predict(x, verbose=0),
            rtol=1e-4,
            atol=1e-6,
        )


@pytest.mark.once
def test_covariance_head():
    kwargs = {"depth": 8, "classes": 3, "classifier_activation": None}
    model = ResNetCIFAR(**kwargs, head="covariance")
    # 1x1 convolution from 64, its normalisation, and 256 * 257 / 2 features.
    more = 64 * 256 + 2 * 256 + 3 * (256 * 257 // 2 - 64)
    assert trainable(model) == trainable(ResNetCIFAR(**kwargs)) + more
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    maps = keras.Model(model.input, model.get_layer("head_conv").output)
    maps = maps.predict(x, verbose=0).astype("float64").reshape(2, -1, 256)
    maps = maps - maps.mean(1, keepdims=True)
    rows, columns = np.triu_indices(256)
    kernel, bias = map(
        ops.convert_to_numpy, model.get_layer("classifier").weights
    )
    for logits, image in zip(model.predict(x, verbose=0), maps, strict=True):
        covariance = image.T @ image / len(image)
        trace = np.trace(covariance) + 256e-8
        y, z = covariance / trace, np.eye(256)
        for _ in range(5):
            step = 0.5 * (3 * np.eye(256) - z @ y)
            y, z = y @ step, step @ z
        features = np.sqrt(trace) * y[rows, columns]
        np.testing.assert_allclose(
            logits, features @ kernel + bias, rtol=1e-3, atol=1e-5
        )


@pytest.mark.once
def test_features_instead_of_classes():
    kwargs = {"depth": 8, "include_top": False}
    assert ResNetCIFAR(**kwargs).output.shape == (None, 8, 8, 64)
    model = ResNetCIFAR(**kwargs, pooling="avg", input_shape=(20, 12, 1))
    assert model.output.shape == (None, 64)


@pytest.mark.once
def test_starts_as_the_network_without_attention():
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    plain = ResNetCIFAR(depth=8)
    attention = functools.partial(SE, identity_start=True)
    model = ResNetCIFAR(depth=8, attention=attention)
    load_torch(model, to_torch(plain), strict=False)
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), plain.predict(x, verbose=0)
    )


@pytest.mark.once
@pytest.mark.parametrize("attribute", ["se", "eca", "attention"])
def test_attention_is_called_as_others_call_it(attribute):
    model = ResNetCIFAR(depth=8, attention="eca")
    arrays = {
        name.replace(".se.", f".{attribute}."): array + 1
        for name, array in to_torch(model).items()
    }
    assert f"layer1.0.{attribute}.conv.weight" in arrays
    load_torch(model, arrays)
    again = to_torch(model)
    np.testing.assert_array_equal(
        again["layer3.0.se.conv.weight"],
        arrays[f"layer3.0.{attribute}.conv.weight"],
    )


@pytest.mark.once
@pytest.mark.parametrize(
    ("kwargs", "convolutions"),
    [
        ({"depth": 20}, 19 + 2),
        ({"depth": 20, "bottleneck": True}, 19 + 3),
        ({"depth": 29}, 28 + 3),
        ({"depth": 110}, 109 + 2),
        ({"depth": 164}, 163 + 3),
    ],
)
def test_depth(kwargs, convolutions):
    # All but the classifier, and a shortcut wherever channels change.
    model = ResNetCIFAR(**kwargs)
    found = [la for la in model.layers if hasattr(la, "convolution")]
    assert len(found) == convolutions


@pytest.mark.once
def test_takes_the_names_of_dianet():
    model = ResNetCIFAR(depth=29, attention="dia")
    arrays = {k: array + 1 for k, array in to_torch(model).items()}
    theirs = {}
    for name, array in arrays.items():
        name = re.sub(r"^(layer\d)\.(\d)", r"\1.ModuleList.\2", name)
        name = name.replace("se.input.", "lstm.w_ih.0.seq.")
        name = name.replace("se.hidden.", "lstm.w_hh.0.seq.")
        theirs[name] = array
    assert "layer3.ModuleList.2.downsample.0.weight" not in theirs
    assert "layer3.ModuleList.0.downsample.0.weight" in theirs
    assert "layer3.lstm.w_hh.0.seq.2.bias" in theirs
    load_torch(model, theirs)
    again = to_torch(model)
    for name, array in arrays.items():
        if not name.endswith("num_batches_tracked"):
            np.testing.assert_array_equal(again[name], array, err_msg=name)


@pytest.mark.once
def test_says_which_names_of_a_checkpoint_do_not_fit():
    arrays = to_torch(ResNetCIFAR(depth=8))
    arrays["conv1.0.weight"] = arrays.pop("conv1.weight")
    with pytest.raises(ValueError, match="(?s)missing: .*conv1.weight"):
        load_torch(ResNetCIFAR(depth=8), arrays)


@pytest.mark.once
@pytest.mark.parametrize("kwargs", [{}, {"include_top": False}])
@pytest.mark.parametrize("strict", [True, False])
def test_refuses_mpn_cov_whose_stride_is_another(kwargs, strict):
    arrays = to_torch(ResNetCIFAR(depth=8, head="covariance"))
    # Ours come back, and have a head that others do not need.
    load_torch(ResNetCIFAR(depth=8, head="covariance"), arrays)
    load_torch(ResNetCIFAR(depth=8, include_top=False), arrays)
    theirs = {
        name.replace("head_conv", "layer_reduce").replace(
            "head_bn", "layer_reduce_bn"
        ): array
        for name, array in arrays.items()
    }
    model = ResNetCIFAR(depth=8, head="covariance", **kwargs)
    with pytest.raises(ValueError, match="stride of 1 and that of this model"):
        load_torch(model, theirs, strict=strict)


@pytest.mark.once
@pytest.mark.parametrize(
    ("architecture", "fine"),
    [
        ("resnetaa50", False),
        ("resnetblur50.bt_in1k", False),
        ("seresnextaa101d_32x8d", False),
        ("resnet50", True),
        (None, True),
    ],
)
def test_refuses_timms_networks_that_blur_by_their_name(
    arrays, architecture, fine
):
    model = ResNetCIFAR(depth=8, classes=7)
    checkpoint = {"state_dict": arrays, "arch": architecture}
    if fine:
        load_torch(model, checkpoint)
    else:
        with pytest.raises(ValueError, match="blurs or averages"):
            load_torch(model, checkpoint)


@pytest.fixture(scope="module")
def arrays():
    """The weights of a network for seven classes."""
    return to_torch(ResNetCIFAR(depth=8, classes=7))


@pytest.mark.once
class TestFineTuning:
    """What a checkpoint of other classes or another head says."""

    def test_a_classifier_that_is_not_needed_is_ignored(self, arrays):
        body = ResNetCIFAR(depth=8, include_top=False)
        report = load_torch(body, arrays)
        assert report.ignored[-2:] == ("fc.weight", "fc.bias")
        # It is not written either: nobody knows its size.
        assert "fc.weight" not in to_torch(body)

    @pytest.mark.parametrize("strict", [True, False])
    def test_another_number_of_classes(self, arrays, strict):
        with pytest.raises(ValueError) as caught:
            load_torch(ResNetCIFAR(depth=8), arrays, strict=strict)
        assert str(caught.value).endswith(
            "'fc.weight': shape (7, 64), expected (10, 64)\n"
            "  'fc.bias': shape (7,), expected (10,)\n"
            "Nothing was loaded. The checkpoint has 7 classes and the model "
            "10: build the model with `classes=7`, or with "
            "`include_top=False` and a classifier of your own."
        )

    def test_other_widths_are_not_classes(self, arrays):
        with pytest.raises(ValueError) as caught:
            load_torch(ResNet18(classes=7), arrays)
        assert str(caught.value).endswith("Nothing was loaded.")

    def test_advises_to_be_lenient_where_that_is_right(self, arrays, tmp_path):
        def advice(arrays, **kwargs):
            model = ResNetCIFAR(depth=8, classes=7, **kwargs)
            with pytest.raises(ValueError) as caught:
                load_torch(model, arrays)
            return str(caught.value).split("Nothing was loaded.")[1]

        lenient = "and 26 more as drawn, pass `strict=False`."
        assert advice(arrays, attention="cbam").endswith(lenient)
        headless = {k: a for k, a in arrays.items() if k[:3] != "fc."}
        assert advice(headless) == (
            " The checkpoint has no classifier: build the model with "
            "`include_top=False`. To leave 'fc.weight', and 1 more as drawn, "
            "pass `strict=False`."
        )
        # Another network would come of these.
        assert advice({**arrays, "layer1.0.se.fc1.weight": np.ones(1)}) == ""
        assert advice({**headless, "last_linear.bias": np.ones(7)}) == ""
        longer = ResNetCIFAR(depth=14, classes=7)
        with pytest.raises(ValueError) as caught:
            load_torch(longer, arrays)
        assert str(caught.value).endswith("Nothing was loaded.")
        half = {k: a for k, a in arrays.items() if k != "fc.bias"}
        assert advice(half) == ""

    def test_a_constructor_says_what_it_takes(self, arrays, tmp_path):
        path = tmp_path / "plain.npz"
        np.savez(path, **arrays)
        kwargs = {"depth": 8, "classes": 7, "weights": path}
        with pytest.raises(ValueError) as caught:
            ResNetCIFAR(**kwargs, attention="se")
        assert str(caught.value).endswith(
            "more as drawn, build the model with `weights=None` and call "
            "`keras_attn.weights.load_torch(model, path, strict=False)`."
        )
        path.write_bytes(b"PK")
        with pytest.raises(ValueError, match="Received: weights='.*BadZipFile"):
            ResNetCIFAR(**kwargs)

    @pytest.mark.parametrize("suffix", [".pth.tar", ".ckpt", ".bin"])
    def test_takes_the_suffixes_of_trainers(self, arrays, tmp_path, suffix):
        torch = pytest.importorskip("torch", reason="writes its own files")
        checkpoint = {
            "state_dict": {
                f"module.encoder_q.{name}": torch.from_numpy(array)
                for name, array in arrays.items()
            }
        }
        checkpoint["state_dict"]["module.queue"] = torch.ones(2)
        path = tmp_path / f"checkpoint{suffix}"
        torch.save(checkpoint, path)
        model = ResNetCIFAR(depth=8, classes=7, weights=path)
        for name, array in to_torch(model).items():
            np.testing.assert_array_equal(array, arrays[name])
        report = load_torch(model, path)
        assert report.taken == "state_dict.module.encoder_q"
        assert "queue" in report.ignored
        assert str(report).endswith("taken: state_dict.module.encoder_q")
        with pytest.raises(ValueError, match="key='model_ema'; .*'state_dict'"):
            load_torch(model, path, key="model_ema")


@pytest.mark.once
def test_refuses_timms_form_d_in_a_few_lines():
    """Three 3x3 convolutions at first, a pooling in the shortcut: as timm."""
    model = ResNet18(attention="eca")
    arrays = to_torch(model)
    for stage in (2, 3, 4):
        start = f"layer{stage}.0.downsample"
        for name in [k for k in arrays if k.startswith(f"{start}.1.")]:
            arrays[name.replace(".1.", ".2.")] = arrays.pop(name)
        arrays[f"{start}.1.weight"] = arrays.pop(f"{start}.0.weight")
    del arrays["conv1.weight"]
    for i, (outputs, inputs) in {0: (32, 3), 3: (32, 32), 6: (64, 32)}.items():
        arrays[f"conv1.{i}.weight"] = np.ones((outputs, inputs, 3, 3))
    with pytest.raises(ValueError) as caught:
        load_torch(model, arrays)
    lines = str(caught.value).splitlines()
    assert "missing: 'conv1.weight', 'layer2.0.downsample.0.w" in lines[1]
    assert "unexpected: 'layer2.0.downsample.2.weight'" in lines[2]
    assert "'layer2.0.downsample.1.weight': shape (128, 64, 1, 1)" in lines[3]
    assert len(str(caught.value)) < 2000


@pytest.mark.once
@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"depth": 21}, "`depth` must be 6 n"),
        ({"depth": "20"}, "`depth` must be 6 n"),
        ({"depth": 14, "bottleneck": True}, "`depth` must be 6 n"),
        ({"depth": 29, "bottleneck": False}, "`depth` must be 6 n"),
        ({"attention": "sea"}, "An attention block is one of"),
        ({"attention": "se", "placement": "end"}, "`placement` must be"),
        ({"placement": "last"}, "pass this too"),
        ({"attention": ["se", "se"]}, "each of the 3 stages"),
        ({"attention": "se", "placement": "shared"}, "layers with a state"),
        ({"input_shape": (0, 8, 3)}, "positive integers or None"),
        ({"head": "max"}, "`head` must be"),
        ({"classes": 0}, "`classes` must be"),
    ],
)
def test_refuses(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ResNetCIFAR(**kwargs)


def digits():
    """Returns 100 of scikit-learn's handwritten digits."""
    datasets = pytest.importorskip("sklearn.datasets")
    data = datasets.load_digits()
    return data.images[:100, ..., None] / 16.0, data.target[:100]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(names()) - {"feature_act"}))
def test_trains_an_epoch_on_digits(name):
    images, labels = digits()
    model = ResNetCIFAR(depth=8, attention=name, input_shape=(8, 8, 1))
    model.compile(
        keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy"
    )
    first = model.evaluate(images, labels, verbose=0)
    model.fit(images, labels, batch_size=50, epochs=3, verbose=0)
    history = model.fit(images, labels, batch_size=50, verbose=0).history
    assert np.isfinite(history["loss"][0]) and history["loss"][0] < first
