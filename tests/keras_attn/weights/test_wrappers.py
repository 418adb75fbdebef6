"""Wrappers around the weights in checkpoints of trainers."""

import numpy as np
import pytest

from keras_attn.weights.wrappers import WRAPPERS, find_weights

pytestmark = pytest.mark.once

ARRAYS = {"conv.weight": np.ones(1), "fc.bias": np.zeros(1)}
OTHER = {name: array + 1 for name, array in ARRAYS.items()}


def fit(names):
    return len(ARRAYS.keys() & names)


def under(prefix, arrays=ARRAYS):
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def find(checkpoint, key=None):
    found = find_weights(checkpoint, fit, key)
    return found, ".".join(found.where)


@pytest.mark.parametrize("word", WRAPPERS)
@pytest.mark.parametrize("wrap", [lambda w, a: {w: a, "epoch": 3}, under])
def test_a_wrapper_is_removed(word, wrap):
    found, taken = find(wrap(word, ARRAYS))
    assert (dict(found.weights), taken) == (ARRAYS, word)


CHECKPOINTS = {
    "DataParallel": (under("module"), "module"),
    "torch.compile, then DataParallel": (
        under("module._orig_mod"),
        "module._orig_mod",
    ),
    "Lightning": (
        {"state_dict": under("model"), "hyper_parameters": {"lr": 0.1}},
        "state_dict.model",
    ),
    "PyTorch's ImageNet example": (
        {"arch": "resnet50", "state_dict": under("module"), "best_acc1": 7},
        "state_dict.module",
    ),
    "AveragedModel": ({"n_averaged": 3, **under("module")}, "module"),
    "MoCo": (
        {
            "state_dict": {
                **under("module.encoder_q"),
                **under("module.encoder_k", OTHER),
                "module.queue": np.ones(9),
            }
        },
        "state_dict.module.encoder_q",
    ),
    "DINO": (
        {
            "student": under("module.backbone", OTHER),
            "teacher": {**under("backbone"), "head.mlp.0.bias": np.ones(1)},
        },
        "teacher.backbone",
    ),
    "timm, with an average": (
        {"state_dict": ARRAYS, "state_dict_ema": OTHER, "arch": "resnet50"},
        "state_dict",
    ),
    "OpenMMLab": (
        {"meta": {}, "state_dict": {**under("backbone"), "head.fc.bias": 1}},
        "state_dict.backbone",
    ),
    "weights of such a name": ({"model": np.ones(1), **ARRAYS}, ""),
    "a part of the same name": (
        {**ARRAYS, **under("backbone", {"conv.weight": np.ones(1)})},
        "",
    ),
}


@pytest.mark.parametrize(
    ("checkpoint", "where"), CHECKPOINTS.values(), ids=CHECKPOINTS
)
def test_checkpoints_of_trainers(checkpoint, where):
    found, taken = find(checkpoint)
    assert taken == where
    for name, array in ARRAYS.items():
        assert found.weights[name] is array or where != ""
        np.testing.assert_array_equal(found.weights[name], array)


def test_reports_names_beside_the_prefix_and_alternatives():
    found, _ = find(CHECKPOINTS["AveragedModel"][0])
    assert found.beside == ("n_averaged",) and found.others == ()
    found, _ = find(CHECKPOINTS["DINO"][0])
    assert found.beside == ("head.mlp.0.bias",)
    assert found.others == (("student", "module", "backbone"),)
    found, _ = find(CHECKPOINTS["MoCo"][0])
    assert found.beside == ("encoder_k.conv.weight", "encoder_k.fc.bias") + (
        "queue",
    )


@pytest.mark.parametrize(
    ("name", "key", "where"),
    [
        ("DINO", "student", "student.module.backbone"),
        ("timm, with an average", "state_dict_ema", "state_dict_ema"),
        ("MoCo", "encoder_k", "state_dict.module.encoder_k"),
        ("MoCo", "module.encoder_k", "state_dict.module.encoder_k"),
    ],
)
def test_a_key_chooses(name, key, where):
    found, taken = find(CHECKPOINTS[name][0], key)
    assert taken == where
    np.testing.assert_array_equal(found.weights["fc.bias"], OTHER["fc.bias"])


def test_a_key_must_be_there():
    with pytest.raises(ValueError, match="key='ema'. .* has 'student', 'tea"):
        find(CHECKPOINTS["DINO"][0], "ema")
    with pytest.raises(ValueError, match="must be a string or None"):
        find(ARRAYS, 3)


def test_names_must_be_names():
    with pytest.raises(ValueError, match="Received: the keys 1, 'a'"):
        find({1: np.ones(1), "a": 2})


def test_terminates():
    calls = []
    circle = {}
    circle.update(dict.fromkeys(WRAPPERS, circle))
    checkpoint = {".".join(WRAPPERS * 10**4): np.ones(1), "net": circle}
    find_weights(checkpoint, lambda names: calls.append(1) or 0)
    assert len(calls) <= 50


def test_names_that_fit_nothing_are_shown_without_what_is_around_them():
    checkpoint = {"epoch": 1, "state_dict": under("module", {"a": np.ones(1)})}
    found, _ = find({**checkpoint, "optimizer": {"state": {}}})
    assert list(found.weights) == ["a"]
