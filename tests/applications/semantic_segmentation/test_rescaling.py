import numpy as np
import pytest
from keras import ops

from applications.semantic_segmentation import model as networks
from applications.semantic_segmentation.config import Config
from applications.semantic_segmentation.rescaling import FLOOR, rescale
from tests.contracts.cases import draw_weights

pytestmark = pytest.mark.usefixtures("small")
STAGES = [f"stage{i}" for i in range(1, 6)]


def network(scales="1"):
    config = Config(scales=scales, filters=8, weights="none", skips="stage1")
    model = networks.build_model(config, 3)
    draw_weights(model, np.random.default_rng(0))
    return model


def batches():
    random = np.random.default_rng(1)
    return [100 * random.normal(size=(1, 65, 65, 3)).astype("float32")] * 2


def ends(model, image):
    """Returns the feature maps at the end of each stage."""
    x, found = ops.convert_to_tensor(image), {}
    for name in STAGES:
        for layer in (f"{name}_conv1", name):
            x = model.get_layer(layer)(x)
        found[name] = ops.convert_to_numpy(x)
    return found


@pytest.mark.parametrize("scales", ["1", "1,0.5"])
def test_features_become_ones_and_stay_what_they_were(scales):
    model = network(scales)
    before = ends(model, batches()[0])
    rescale(model, batches())
    after = ends(model, batches()[0])
    for name in STAGES:
        deviation = before[name].std(axis=(0, 1, 2))
        factor = np.maximum(deviation, FLOOR * deviation.mean())
        np.testing.assert_allclose(
            after[name], before[name] / factor, rtol=1e-3, atol=1e-4
        )
        assert 0.5 < after[name].std(axis=(0, 1, 2)).max() < 1.01
    assert before["stage1"].std() > 10


def test_a_channel_that_never_answers_is_not_amplified():
    model = network()
    layer = model.get_layer("stage2_conv1")
    kernel, bias = layer.get_weights()
    bias[1] = -1e6
    layer.set_weights([kernel, bias])
    rescale(model, batches())
    assert all(np.isfinite(w).all() for w in model.get_weights())
    assert (ends(model, batches()[0])["stage2"][..., 1] == 0).all()


def test_other_layers_are_left():
    model = network()
    before = model.get_layer("fc6").get_weights()
    skip = model.get_layer("skip_stage1_conv1").get_weights()
    rescale(model, batches())
    for one, other in (
        *zip(before, model.get_layer("fc6").get_weights(), strict=True),
        *zip(
            skip,
            model.get_layer("skip_stage1_conv1").get_weights(),
            strict=True,
        ),
    ):
        np.testing.assert_array_equal(one, other)
