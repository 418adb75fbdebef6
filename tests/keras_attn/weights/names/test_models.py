"""Registered names of the weights of a model."""

import keras
import numpy as np
import pytest

from keras_attn.weights import load_torch, register_names, to_torch
from keras_attn.weights.layouts import flattened
from tests.keras_attn.weights.fitting import built, shapes

pytestmark = [
    pytest.mark.once,
    pytest.mark.usefixtures("no_other_models"),
]


def refused(message):
    return pytest.raises(ValueError, match=message)


def tiny(name="tiny"):
    model = keras.Sequential(name=name)
    model.add(keras.Input((4, 4, 3), name="images"))
    model.add(keras.layers.Conv2D(5, 3, name="conv"))
    model.add(keras.layers.Flatten(data_format="channels_last"))
    model.add(keras.layers.Dense(2, use_bias=False, name="head"))
    return model


class TestRegisterNames:
    def test_returns_the_function(self):
        def function(model):
            return None

        assert register_names(function) is function

    def test_names_the_layers_of_a_model(self):
        @register_names
        def other(model):
            return None

        @register_names
        def function(model):
            if model.name != "tiny":
                return None
            return [
                ("features.0", model.get_layer("conv")),
                (
                    "",
                    model.get_layer("head"),
                    {"weight": flattened(2, 2, 5)},
                ),
            ]

        model = tiny()
        arrays = to_torch(model)
        assert shapes(arrays) == {
            "features.0.weight": (5, 3, 3, 3),
            "features.0.bias": (5,),
            "weight": (2, 20),
        }
        report = load_torch(model, arrays)
        assert [entry.layout for entry in report.entries] == [
            "conv",
            "same",
            "flattened(2, 2, 5)",
        ]
        with refused("Received: `other`"):
            to_torch(tiny("other"))

    def test_takes_the_name_of_a_layout(self):
        @register_names
        def function(model):
            kernel = {"weight": "pointwise"}
            return [("a", model.layers[0]), ("b", model.layers[2], kernel)]

        assert to_torch(tiny())["b.weight"].shape == (2, 20, 1, 1)

    @pytest.mark.parametrize("together", [True, False])
    def test_recognises_the_scheme_by_the_names(self, together):
        def scheme(model, *prefixes):
            return list(zip(prefixes, model.layers[::2], strict=True))

        schemes = [("a", "b"), ("c", "b"), ("a", "d")]
        if together:

            @register_names
            def function(model):
                return [scheme(model, *prefixes) for prefixes in schemes]
        else:
            for prefixes in schemes:
                register_names(
                    lambda m, prefixes=prefixes: scheme(m, *prefixes)
                )

        model = tiny()
        assert sorted(to_torch(model)) == ["a.bias", "a.weight", "b.weight"]
        for conv, head in schemes:
            arrays = {
                f"{conv}.weight": np.full((5, 3, 3, 3), 4.0),
                f"{conv}.bias": np.full(5, 3.0),
                f"{head}.weight": np.full((2, 20), 2.0),
            }
            report = load_torch(model, arrays)
            assert [e.source for e in report.entries] == list(arrays)

    def test_ties_go_to_the_scheme_that_misses_less(self):
        other = built(keras.layers.Dense(2), 20)

        @register_names
        def function(model):
            conv, head = model.layers[::2]
            return [
                [("x", conv), ("head", other), ("more", head)],
                [("x", conv), ("head", head)],
            ]

        with refused("missing: 'head.weight'\n"):
            load_torch(
                tiny(),
                {"x.weight": np.ones((5, 3, 3, 3)), "x.bias": np.ones(5)},
            )

    def test_the_scheme_that_shares_more_is_preferred(self):
        @register_names
        def function(model):
            conv, head = model.layers[::2]
            return [
                [("x", conv), ("head", head)],
                [("y", conv), ("z", conv), ("fc", head)],
            ]

        arrays = {"fc.weight": np.ones((2, 20))}
        report = load_torch(tiny(), arrays, strict=False)
        assert [entry.source for entry in report.entries] == ["fc.weight"]

    def test_must_name_every_weight(self):
        register_names(lambda model: [("a", model.layers[0])])
        with refused(r"no name for \['.*head/kernel'\]"):
            to_torch(tiny())

    def test_must_not_name_two_weights_alike(self):
        register_names(lambda model: [("a", m) for m in model.layers[::2]])
        with refused(r"Received: \['a.weight'\] for `h"):
            to_torch(tiny())

    def test_must_not_set_layouts_of_unknown_names(self):
        register_names(lambda m: [("a", m.layers[0], {"wight": "conv"})])
        with refused(
            r"`conv`.*names \['bias', 'weight'\]. Received: \['wight'\]"
        ):
            to_torch(tiny())

    def test_must_name_layers_that_are_known(self):
        register_names(lambda model: [("a", model.layers[1])])
        with refused(r"Received: `flatten.*\(Flatten\)"):
            to_torch(tiny())

    def test_must_name_layers_that_are_built(self):
        register_names(lambda model: [("a", keras.layers.Dense(2, name="new"))])
        with refused(r"`new` \(Dense\) must be built"):
            to_torch(tiny())


@pytest.mark.parametrize("function", [to_torch, lambda x: load_torch(x, {})])
class TestTarget:
    def test_must_be_a_layer(self, function):
        with refused("layer or model. Received.*'conv'"):
            function("conv")

    @pytest.mark.parametrize(
        "make",
        [
            lambda: keras.layers.Dense(2, name="new"),
            lambda: keras.Sequential(name="new"),
        ],
        ids=["layer", "model"],
    )
    def test_must_be_built(self, function, make):
        with refused("`new`.*must be built.*Call it on"):
            function(make())

    @pytest.mark.parametrize(
        "make",
        [
            lambda: built(
                keras.layers.EinsumDense("ab,bc->ac", 3, name="new"), 2
            ),
            lambda: tiny("new"),
        ],
        ids=["layer", "model"],
    )
    def test_must_have_known_names(self, function, make):
        with refused(r"'Conv2D', .*'LayerNormalization'\].*: `new`"):
            function(make())

    def test_must_hold_its_weights_as_they_are(self, function):
        layer = built(keras.layers.Dense(2, name="new"), 3)
        layer.enable_lora(1)
        with refused("`kernel` of `new`.*LoRA"):
            function(layer)
