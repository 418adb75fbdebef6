"""Names in ONNX files, tested on hand-made graphs without a backend."""

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from keras_attn.exporting.naming import name_onnx, output_names


def write(path, nodes, outputs, inputs=("x",)):
    def value(name):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])

    graph = helper.make_graph(
        nodes, "g", [*map(value, inputs)], [*map(value, outputs)]
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.save(model, str(path))
    return graph


def run(path):
    """Returns the names of the inputs, and the outputs by name."""
    session = onnxruntime.InferenceSession(str(path))
    inputs = [each.name for each in session.get_inputs()]
    x = np.array([1, 2], "float32")
    values = session.run(None, {name: x for name in inputs})
    names = [each.name for each in session.get_outputs()]
    return inputs, {n: v.tolist() for n, v in zip(names, values, strict=True)}


def branches():
    """Returns an If whose branches read a value of the outer graph."""

    def branch(name, operation):
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])
        node = helper.make_node(operation, ["85"], [name])
        return helper.make_graph([node], name, [], [value])

    true = helper.make_tensor("true", TensorProto.BOOL, [], [True])
    return [
        helper.make_node("Neg", ["x"], ["85"]),
        helper.make_node("Constant", [], ["which"], value=true),
        helper.make_node(
            "If",
            ["which"],
            ["chosen"],
            then_branch=branch("then", "Abs"),
            else_branch=branch("else", "Neg"),
        ),
    ]


NEGATIVE, TWICE = [-1.0, -2.0], [2.0, 4.0]
neg = helper.make_node("Neg", ["x"], ["85"])
add = helper.make_node("Add", ["x", "x"], ["end"])


@pytest.mark.parametrize(
    ("nodes", "outputs", "wanted", "expected"),
    [
        ([neg], ["85"], ["end"], {"end": NEGATIVE}),
        # The new name already belongs to another value.
        (
            [add, helper.make_node("Neg", ["end"], ["85"])],
            ["85"],
            ["end"],
            {"end": [-2.0, -4.0]},
        ),
        # Two outputs that exchange their names.
        (
            [neg, add],
            ["85", "end"],
            ["end", "85"],
            {"end": NEGATIVE, "85": TWICE},
        ),
        # Two outputs of one layer.
        ([neg, add], ["85", "end"], ["a", "a"], {"a": NEGATIVE, "a_1": TWICE}),
        # One value twice, and an unchanged input.
        ([neg], ["85", "85"], ["a", "b"], {"a": NEGATIVE, "b": NEGATIVE}),
        ([neg], ["x", "85"], ["in", "b"], {"in_1": [1.0, 2.0], "b": NEGATIVE}),
        (
            branches(),
            ["85", "chosen"],
            ["a", "b"],
            {"a": NEGATIVE, "b": [1, 2]},
        ),
    ],
)
def test_values_follow_their_names(nodes, outputs, wanted, expected, tmp_path):
    path = tmp_path / "m.onnx"
    write(path, nodes, outputs)
    name_onnx(path, ["in"], wanted)
    assert run(path) == (["in"], expected)
    onnx.checker.check_model(str(path), full_check=True)


def test_inputs_with_their_names_keep_their_order(tmp_path):
    path = tmp_path / "m.onnx"
    sub = helper.make_node("Sub", ["b", "a"], ["85"])
    write(path, [sub], ["85"], inputs=("b", "a"))
    name_onnx(path, ["a", "b"], ["y"])
    assert run(path) == (["b", "a"], {"y": [0.0, 0.0]})


def test_names_come_from_the_model():
    inputs = keras.Input((4,))
    one, other = (keras.layers.Dense(2, name=n)(inputs) for n in ("p", "o"))
    assert output_names(keras.Model(inputs, [one, other]), 2) == ["p", "o"]
    # A flattened dict is in the order of its keys.
    model = keras.Model(inputs, {"v": one, "u": other})
    assert output_names(model, 2) == ["u", "v"]
    layers = [inputs, keras.layers.Dense(2, name="end")]
    assert output_names(keras.Sequential(layers), 1) == ["end"]
    assert output_names(keras.Model(), 2) == ["output_0", "output_1"]
