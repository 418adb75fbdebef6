import json

import keras
import pytest

from keras_attn.applications import ViT, vit
from tests.contracts.saving import run_python

TINY = {
    "input_shape": (16, 16, 3),
    "classes": 4,
    "patch_size": 4,
    "hidden_dim": 16,
    "num_layers": 2,
    "num_heads": 4,
    "mlp_dim": 32,
}
# The weights that are split, and their axes.
DIVIDED = {
    "attention/qkv/kernel": (None, "model"),
    "attention/qkv/bias": ("model",),
    "attention/projection/kernel": ("model", None),
    "mlp1/kernel": (None, "model"),
    "mlp1/bias": ("model",),
    "value/kernel": (None, "model"),
    "value/bias": ("model",),
    "mlp2/kernel": ("model", None),
}

TRAIN = f"""
import os
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_PLATFORMS"] = "cpu"
import json
import keras
import numpy as np
from keras_attn.applications import ViT, vit

random = np.random.default_rng(0)
images = random.normal(size=(16, 16, 16, 3)).astype("float32")
labels = random.integers(0, 4, 16)

def train(distribution):
    keras.utils.set_random_seed(0)
    keras.distribution.set_distribution(distribution)
    model = ViT(**{TINY!r}, dropout=0.1)
    model.compile(
        keras.optimizers.AdamW(1e-2), "sparse_categorical_crossentropy"
    )
    history = model.fit(
        images, labels, batch_size=8, epochs=3, shuffle=False, verbose=0
    )
    found = model.predict(images, verbose=0).tolist()
    return model, history.history["loss"], found

_, losses, outputs = train(None)
mesh = keras.distribution.DeviceMesh(
    (2, 2), ("batch", "model"), keras.distribution.list_devices()
)
model, shared_losses, shared_outputs = train(
    keras.distribution.ModelParallel(
        layout_map=vit.layout_map(mesh), batch_dim_name="batch"
    )
)
parts = {{
    each.path: each.value.addressable_shards[0].data.shape
    for each in [*model.variables, *model.optimizer.variables]
}}
print(json.dumps([
    [losses, shared_losses], [outputs, shared_outputs], parts,
    {{each.path: each.shape for each in model.variables}},
]))
"""


def mesh(axes=("batch", "model")):
    return keras.distribution.DeviceMesh((1, 1), axes, ["cpu:0"])


def test_linear_layers_of_blocks_are_divided_and_nothing_else():
    layout = vit.layout_map(mesh())
    divided = 0
    for variable in ViT(**TINY, gated_mlp="separate").variables:
        block, _, rest = variable.path.partition("_")
        expected = DIVIDED.get(rest) if block.startswith("block") else None
        found = layout[variable.path]
        assert (found and found.axes) == expected, variable.path
        divided += expected is not None
    assert divided == 16


def test_the_axis_may_have_another_name():
    layout = vit.layout_map(mesh(("data", "heads")), "heads")
    assert layout["block1_mlp2/kernel"].axes == ("heads", None)


def test_an_unknown_mesh_axis_is_rejected():
    with pytest.raises(ValueError, match="`axis` must be an axis of the mesh"):
        vit.layout_map(mesh(), "columns")


@pytest.mark.slow
def test_four_devices_learn_as_one():
    if keras.backend.backend() != "jax":
        pytest.skip("Keras supports ModelParallel only on JAX")
    done = run_python("-c", TRAIN)
    assert done.returncode == 0, done.stderr[-2000:]
    losses, outputs, parts, shapes = json.loads(done.stdout.splitlines()[-1])
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    for one, other in zip(*outputs, strict=True):
        assert other == pytest.approx(one, abs=1e-4)
    for path, shape in shapes.items():
        axes = DIVIDED.get(path.partition("_")[2], (None,) * len(shape))
        expected = [
            side // 2 if axis else side
            for side, axis in zip(shape, axes, strict=True)
        ]
        assert parts[path] == expected, path
    # The optimizer's state of a weight is on the same device.
    (momentum,) = (
        p for p in parts if p.endswith("block1_mlp1_kernel_momentum")
    )
    assert parts[momentum] == [16, 16]
