import keras
import pytest
from keras import layers

from keras_attn.explain.running.structure import find, operations
from tests.cases import explained

pytestmark = pytest.mark.once


def paths(model):
    return [path for path, _ in operations(model)]


class TestOperations:
    def test_join_names_of_models_in_models(self):
        found = paths(explained.nested())
        assert "middle" in found
        assert "middle/inner" in found
        assert "middle/inner/conv2" in found
        assert "fc" in found

    def test_are_found_in_lists_and_dictionaries_of_layers(self):
        found = paths(explained.with_composite())
        assert {"body/conv1", "body/relu1", "body/relu2"} <= set(found)

    def test_are_found_in_attributes_of_subclassed_models(self):
        model = explained.called(explained.Subclassed())
        assert {"conv1", "relu1", "pool", "relu2", "fc"} <= set(paths(model))

    def test_have_no_inputs_among_them(self):
        model = explained.functional()
        for _, operation in operations(model):
            assert not isinstance(operation, layers.InputLayer)

    def test_include_operations_that_are_not_layers(self):
        model = explained.ending_in(keras.ops.softmax)
        assert paths(model)[-1].startswith("softmax")

    def test_end_where_a_layer_holds_its_parent(self):
        class Parent(layers.Layer):
            pass

        above, below = Parent(name="above"), Parent(name="below")
        above.child = below
        # Untracked, since Keras itself would recurse endlessly.
        below.__dict__["parent"] = above
        inputs = keras.Input((2,))
        model = keras.Model(inputs, layers.Dense(1, name="fc")(inputs))
        model.__dict__["_operations"].append(above)
        assert paths(model) == ["fc", "above", "above/below"]


class TestFind:
    def test_by_path_by_name_and_itself(self):
        model = explained.nested()
        layer = find(model, "middle/inner/relu2")
        assert find(model, "relu2") is layer
        assert find(model, "inner/relu2") is layer
        assert find(model, layer) is layer

    def test_similar_names_are_in_the_message(self):
        with pytest.raises(ValueError, match="Received: layer='relu_2'.*relu2"):
            find(explained.functional(), "relu_2")

    def test_some_names_are_in_the_message_if_none_is_similar(self):
        with pytest.raises(ValueError, match="'fc'"):
            find(explained.functional(), "zzzzzzzzzzzzzz")

    def test_a_layer_of_another_model_is_refused(self):
        with pytest.raises(ValueError, match="not in the model"):
            find(explained.functional(), layers.ReLU())

    def test_an_ambiguous_name_is_rejected(self):
        inputs = keras.Input((4, 4, 1))
        one, two = (
            keras.Sequential(
                [keras.Input((4, 4, 1)), layers.Conv2D(1, 1, name="conv")],
                name=name,
            )
            for name in ("one", "two")
        )
        model = keras.Model(inputs, two(one(inputs)))
        with pytest.raises(ValueError, match="one/conv.*two/conv"):
            find(model, "conv")
        assert find(model, "two/conv") is two.layers[0]
