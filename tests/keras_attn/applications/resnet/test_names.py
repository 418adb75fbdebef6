import re

import numpy as np
import pytest

from keras_attn.applications import ResNet18, ResNetCIFAR
from keras_attn.weights import load_torch, to_torch


@pytest.mark.once
@pytest.mark.parametrize("attribute", ["se", "eca", "attention", "layer_block"])
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
def test_takes_the_names_of_the_official_srm():
    model = ResNetCIFAR(depth=8, attention="srm")
    theirs = {}
    for name, array in to_torch(model).items():
        if name.endswith("cfc.weight"):
            name, array = name.removesuffix(".weight"), array[:, 0] + 1
        theirs[name.replace(".se.", ".rclb.")] = array
    assert theirs["layer1.0.rclb.cfc"].shape == (16, 2)
    load_torch(model, theirs)
    again = to_torch(model)["layer1.0.se.cfc.weight"]
    np.testing.assert_array_equal(again[:, 0], theirs["layer1.0.rclb.cfc"])


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


@pytest.fixture(scope="module")
def arrays():
    """The weights of a network for seven classes."""
    return to_torch(ResNetCIFAR(depth=8, classes=7))


@pytest.mark.once
class TestFineTuning:
    """Messages for checkpoints with other classes or another head."""

    def test_a_classifier_that_is_not_needed_is_ignored(self, arrays):
        body = ResNetCIFAR(depth=8, include_top=False)
        report = load_torch(body, arrays)
        assert report.ignored[-2:] == ("fc.weight", "fc.bias")
        # It is not written either, since its size is unknown.
        assert "fc.weight" not in to_torch(body)

    def test_another_number_of_classes(self, arrays):
        model = ResNetCIFAR(depth=8)
        with pytest.raises(ValueError) as caught:
            load_torch(model, arrays)
        assert str(caught.value).endswith(
            "'fc.weight': shape (7, 64), expected (10, 64)\n"
            "  'fc.bias': shape (7,), expected (10,)\n"
            "Nothing was loaded. The checkpoint has 7 classes and the model "
            "10. Build the model with `classes=7`, or with "
            "`include_top=False` and your own classifier. To keep the initial "
            "values of the classifier, pass `strict=False`."
        )
        before = model.get_layer("classifier").get_weights()
        report = load_torch(model, arrays, strict=False)
        assert report.skipped == ("fc.weight", "fc.bias")
        assert str(report).endswith("skipped: fc.weight, fc.bias")
        assert (report.missing, report.unexpected) == ((), ())
        assert len(report.entries) == len(to_torch(model)) - 2 - len(
            report.ignored
        )
        for ours, theirs in zip(
            model.get_layer("classifier").get_weights(), before, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)

    def test_another_number_of_classes_and_other_gaps(self, arrays):
        model = ResNetCIFAR(depth=8)
        with pytest.raises(ValueError) as caught:
            load_torch(model, {**arrays, "extra.weight": np.ones(1)})
        assert "pass `strict=False`" not in str(caught.value)

    def test_a_constructor_warns_of_another_number_of_classes(
        self, arrays, tmp_path
    ):
        np.savez(tmp_path / "seven.npz", **arrays)
        with pytest.warns(UserWarning, match="classifier .* keeps its initial"):
            model = ResNetCIFAR(depth=8, weights=tmp_path / "seven.npz")
        assert model.output_shape == (None, 10)

    def test_other_widths_are_not_classes(self, arrays):
        with pytest.raises(ValueError) as caught:
            load_torch(ResNet18(classes=7), arrays)
        assert str(caught.value).endswith("Nothing was loaded.")

    def test_advises_strict_false_where_right(self, arrays, tmp_path):
        def advice(arrays, **kwargs):
            model = ResNetCIFAR(depth=8, classes=7, **kwargs)
            with pytest.raises(ValueError) as caught:
                load_torch(model, arrays)
            return str(caught.value).split("Nothing was loaded.")[1]

        lenient = "and 26 more, pass `strict=False`."
        assert advice(arrays, attention="cbam").endswith(lenient)
        headless = {k: a for k, a in arrays.items() if k[:3] != "fc."}
        assert advice(headless) == (
            " The checkpoint has no classifier. Build the model with "
            "`include_top=False`. To keep the initial values of 'fc.weight', "
            "and 1 more, pass `strict=False`."
        )
        # These would result in another network.
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
            "more, build the model with `weights=None` and call "
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
        with pytest.raises(ValueError, match="key='model_ema'. .*'state_dict'"):
            load_torch(model, path, key="model_ema")


@pytest.mark.once
def test_refuses_timms_form_d_in_a_few_lines():
    """As in timm: three 3x3 convolutions first, pooling in the shortcut."""
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
