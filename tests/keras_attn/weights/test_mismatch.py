import keras
import numpy as np
import pytest

from keras_attn.weights import load_torch, register_names
from keras_attn.weights.files import to_numpy
from tests.keras_attn.weights.fitting import (
    FITTING,
    assert_state,
    built,
    dense,
    state_of,
)

pytestmark = pytest.mark.usefixtures("no_other_models")


class TestErrors:
    """Errors do not change the target."""

    @pytest.fixture
    def layer(self):
        layer = dense()
        before = state_of(layer)
        yield layer
        assert_state(layer, before)

    def refuse(self, layer, arrays, message, strict=True):
        with pytest.raises(ValueError) as caught:
            load_torch(layer, arrays, strict=strict)
        start = "The arrays must fit the weights of `dense` (Dense). Received:"
        assert str(caught.value) == f"{start}\n  {message}"

    def test_missing(self, layer):
        self.refuse(
            layer,
            {"weight": FITTING["weight"]},
            "missing: 'bias'\nNothing was loaded.",
        )

    def test_unexpected(self, layer):
        self.refuse(
            layer,
            {**FITTING, "b": np.ones(2), "c": "?"},
            "unexpected: 'b', 'c'\nNothing was loaded.",
        )

    @pytest.mark.parametrize("strict", [True, False])
    @pytest.mark.parametrize(
        ("name", "array", "message"),
        [
            ("weight", np.ones((3, 2)), "shape (3, 2), expected (2, 3)"),
            ("bias", np.ones((1, 2)), "shape (1, 2), expected (2,)"),
            ("bias", np.ones(()), "shape (), expected (2,)"),
            ("bias", ["a", "b"], "holds <U1, not real numbers"),
            ("bias", [None, {}], "holds object, not real numbers"),
            ("bias", [1j, 2j], "holds complex128, not real numbers"),
            ("bias", [True, False], "holds bool, not real numbers"),
            ("bias", [np.nan, 0], "not finite as float32: 1 of 2 values"),
            ("bias", [np.inf, -np.inf], "not finite as float32: 2 of 2 values"),
            ("bias", [0, 1e300], "not finite as float32: 1 of 2 values"),
        ],
    )
    def test_arrays(self, layer, name, array, message, strict):
        self.refuse(
            layer,
            {**FITTING, name: array},
            f"{name!r}: {message}\nNothing was loaded.",
            strict,
        )

    def test_all_in_one(self, layer):
        register_names(lambda model: [("a", layer), ("b", other)])
        other = built(keras.layers.Dense(2, name="other"), 3)
        model = keras.Sequential([layer, other], name="both")
        model.built = True
        with pytest.raises(ValueError) as caught:
            load_torch(
                model,
                {
                    "a.weight": np.ones((4, 3)),
                    "a.bias": np.array([1.0, np.nan]),
                    "b.bias": np.ones(2),
                    "c": 1,
                },
            )
        assert str(caught.value).splitlines()[1:] == [
            "  missing: 'b.weight'",
            "  unexpected: 'c'",
            "  'a.weight': shape (4, 3), expected (2, 3)",
            "  'a.bias': not finite as float32: 1 of 2 values",
            "Nothing was loaded.",
        ]

    def test_shows_the_first_of_many(self, layer):
        five = [layer] + [
            built(keras.layers.Dense(2, name=f"other{i}"), 3) for i in range(4)
        ]
        register_names(lambda model: [(f"{i}", d) for i, d in enumerate(five)])
        model = keras.Sequential(five, name="many")
        model.built = True

        def message(*kinds):
            names = [f"{i}.{kind}" for i in range(5) for kind in kinds]
            with pytest.raises(ValueError) as caught:
                load_torch(model, {name: np.ones(9) for name in names})
            return str(caught.value).splitlines()

        lines = message("kernel", "beta")
        assert lines[1].endswith("'3.weight', '3.bias', and 2 more")
        assert lines[2].endswith("'3.kernel', '3.beta', and 2 more")
        lines = message("weight", "bias")
        assert len(lines) == 11
        assert lines[8:10] == [
            "  '3.bias': shape (9,), expected (2,)",
            "  and 2 more",
        ]

    @pytest.mark.parametrize("strict", [True, False])
    def test_nothing_that_fits(self, layer, strict):
        self.refuse(
            layer,
            {"kernel": np.ones((3, 2))},
            "missing: 'weight', 'bias'\n  unexpected: 'kernel'"
            "\nNothing was loaded.",
            strict,
        )

    @pytest.mark.parametrize("strict", [True, False])
    def test_nothing_at_all(self, layer, strict):
        self.refuse(
            layer,
            {},
            "missing: 'weight', 'bias'\nNothing was loaded.",
            strict,
        )

    def test_a_target_without_weights(self):
        layer = keras.layers.LayerNormalization(center=False, scale=False)
        with pytest.raises(ValueError, match="Received: no array"):
            load_torch(built(layer, 3), {})

    def test_a_counter_alone_is_nothing(self):
        layer = built(keras.layers.BatchNormalization(), 3)
        with pytest.raises(ValueError, match="missing: 'weight', 'bias', 'run"):
            load_torch(layer, {"num_batches_tracked": 3}, strict=False)

    def test_overflow_of_a_narrow_type(self):
        layer = dense(dtype="float16")
        with pytest.raises(ValueError, match="finite as float16: 1 of 2"):
            load_torch(layer, {**FITTING, "bias": np.array([1.0, 1e5])})

    @pytest.mark.parametrize("value", [[1.5, 2], [np.nan, 2], [2**40, 2]])
    def test_numbers_that_an_integer_cannot_hold(self, value):
        class Counter(keras.layers.Layer):
            torch_names = {"count": ("count", "same")}

            def build(self, input_shape):
                self.count = self.add_weight(
                    shape=(2,),
                    initializer="zeros",
                    dtype="int32",
                    trainable=False,
                )

        layer = built(Counter(), 1)
        load_torch(layer, {"count": [3.0, 4.0]})
        with pytest.raises(ValueError, match="numbers that int32 cannot hold"):
            load_torch(layer, {"count": np.array(value)})
        assert to_numpy(layer.count).tolist() == [3, 4]

    def test_an_assignment_that_fails(self, layer, monkeypatch):
        calls = []
        assign = keras.Variable.assign

        def failing(self, value):
            calls.append(self)
            if len(calls) == 2:
                raise RuntimeError("out of memory")
            return assign(self, value)

        monkeypatch.setattr(keras.Variable, "assign", failing)
        with pytest.raises(RuntimeError, match="out of memory"):
            load_torch(layer, FITTING)
        assert [variable.name for variable in calls[:2]] == ["kernel", "bias"]
