"""Tests models with published weights from files, without a network."""

import functools
import hashlib
import sys
import warnings

import keras
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from keras_attn.applications import ResNet, ViT, from_pretrained
from keras_attn.applications.pretrained import constructors, entries, imagenet
from keras_attn.weights import to_torch
from tests.keras_attn.applications.pretrained.tables import (
    ARGUMENTS,
    RESNET,
    assert_same,
)

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("tables")]

NAME = "timm/vit_tiny.in1k"
TORCHVISION = "torchvision/ViT_T_8_Weights.IMAGENET1K_V1"


class TestArguments:
    def test_of_the_function_are_passed_on(self, file, trained):
        model = from_pretrained(
            NAME,
            file,
            include_top=False,
            input_shape=(24, 24, 3),
            name="mine",
            dropout=0.5,
            # The same as in the weights.
            hidden_dim=8,
            epsilon=1e-6,
        )
        assert model.output_shape == (None, 10, 8) and model.name == "mine"

    def test_an_input_tensor(self, file, trained):
        image = keras.Input((16, 16, 3))
        assert_same(from_pretrained(NAME, file, input_tensor=image), trained)

    @pytest.mark.parametrize(
        ("kwargs", "message"),
        [
            ({"hidden_dim": 16}, r"hidden_dim=16 .the weights need 8."),
            (
                {"num_heads": 4, "class_token": False, "token_pooling": "mean"},
                r"num_heads=4 .*2.*token_pooling='mean' .*'cls'.*class_token=F",
            ),
            ({"form": "lucidrains"}, "form='lucidrains'.*qkv_bias=False"),
        ],
    )
    def test_that_contradict_raise(self, file, kwargs, message):
        with pytest.raises(ValueError, match=message):
            from_pretrained(NAME, file, **kwargs)

    def test_that_do_not_exist_raise(self, file):
        with pytest.raises(TypeError, match="blocks"):
            from_pretrained(NAME, file, blocks=3)


class TestClassifiers:
    def test_another_number_of_classes_warns(self, file, trained):
        with pytest.warns(UserWarning) as caught:
            model = from_pretrained(NAME, file, classes=3)
        (warning,) = caught
        message = str(warning.message)
        assert "another number of classes" in message
        assert "3 classes keeps its initial values" in message
        assert "(head.weight, head.bias)" in message
        assert warning.filename == __file__
        for name in ("block1_mlp1", "norm"):
            for ours, theirs in zip(
                model.get_layer(name).get_weights(),
                trained.get_layer(name).get_weights(),
                strict=True,
            ):
                np.testing.assert_array_equal(ours, theirs)

    def test_without_the_top_there_is_no_warning(self, file):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            from_pretrained(NAME, file, include_top=False)
            from_pretrained(NAME, file)

    @pytest.fixture
    def headless(self, file):
        arrays = load_file(file)
        save_file({n: arrays[n] for n in arrays if "head" not in n}, file)
        return file

    def test_weights_without_one(self, headless):
        name = "timm/vit_tiny.features"
        model = from_pretrained(name, headless)
        assert model.output_shape == (None, 8)
        assert "classifier" not in [layer.name for layer in model.layers]
        with pytest.warns(UserWarning, match="have no classifier"):
            model = from_pretrained(name, headless, classes=3)
        assert model.output_shape == (None, 3)
        model = from_pretrained(name, headless, include_top=False)
        assert model.output_shape == (None, 5, 8)

    def test_weights_of_a_resnet_without_one(self, tmp_path):
        network = ResNet(
            input_shape=(32, 32, 3), include_top=False, **RESNET, pooling="avg"
        )
        file = tmp_path / "model.safetensors"
        save_file(to_torch(network), file)
        name = "timm/resnet_tiny.features"
        assert_same(from_pretrained(name, file), network)
        model = from_pretrained(name, file, include_top=False)
        assert model.output_shape == (None, 1, 1, 32)
        with pytest.raises(ValueError, match="Pass `classes` or"):
            from_pretrained(name, file, include_top=True)

    def test_other_gaps_raise(self, file):
        arrays = load_file(file)
        del arrays["norm.weight"]
        save_file(arrays, file)
        for kwargs in ({}, {"include_top": False}):
            with pytest.raises(ValueError, match="missing: 'norm.weight'"):
                from_pretrained(NAME, file, **kwargs)


class TestFiles:
    def test_of_another_network_raise(self, file):
        config = file.with_name("config.json")
        config.write_text('{"architecture": "vit_fast"}')
        with pytest.raises(ValueError, match="'vit_tiny'.*'vit_fast'"):
            from_pretrained(NAME, file)
        config.unlink()
        from_pretrained(NAME, file)

    def test_that_do_not_exist_raise(self, tmp_path):
        with pytest.raises(ValueError, match="path of an existing file"):
            from_pretrained(NAME, tmp_path / "no.safetensors")

    def test_with_another_hash_raise(self, file):
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        object.__setattr__(entries.table()[NAME], "sha256", digest)
        from_pretrained(NAME, file)
        file.write_bytes(content[:-1] + b"\0")
        with pytest.raises(ValueError, match="Received: .*model.safetensors"):
            from_pretrained(NAME, file)

    def test_licences_that_exclude_commercial_use_warn(self, file):
        with pytest.warns(UserWarning, match="licence is 'cc-by-nc-4.0'"):
            from_pretrained("timm/vit_tiny.nc_in1k", file)


class TestTorchvision:
    @pytest.fixture
    def address(self, file, tmp_path, monkeypatch):
        """Serves a file by its address, with the hash in its name."""
        torch = pytest.importorskip("torch", reason="it reads these files")
        state = {n: torch.from_numpy(a) for n, a in load_file(file).items()}
        torch.save(state, tmp_path / "saved.pth")
        content = (tmp_path / "saved.pth").read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        served = tmp_path / f"vit_t-{digest[:8]}.pth"
        served.write_bytes(content)
        entry = entries.table()[TORCHVISION]
        object.__setattr__(entry, "url", served.as_uri())
        get_file = functools.partial(
            keras.utils.get_file, cache_dir=tmp_path / "keras"
        )
        (tmp_path / "keras").mkdir()
        monkeypatch.setattr(keras.utils, "get_file", get_file)
        return served

    def test_downloads_once(self, address, trained, tmp_path, capsys):
        assert_same(from_pretrained(TORCHVISION), trained)
        address.unlink()
        assert_same(from_pretrained(TORCHVISION), trained)

    def test_a_damaged_cache_raises(self, address, tmp_path):
        from_pretrained(TORCHVISION)
        (cached,) = (tmp_path / "keras").rglob("*.pth")
        cached.write_bytes(cached.read_bytes() + b"\0")
        with pytest.raises(ValueError, match="SHA-256.*is damaged"):
            from_pretrained(TORCHVISION)
        assert cached.exists()

    def test_no_file_at_the_address(self, address):
        address.unlink()
        with pytest.raises(ConnectionError, match="must be reachable"):
            from_pretrained(TORCHVISION)

    def test_a_downloaded_file(self, address, trained):
        assert_same(from_pretrained(TORCHVISION, address), trained)


class TestImagenet:
    @pytest.fixture(autouse=True)
    def pinned(self, monkeypatch):
        monkeypatch.setattr(
            imagenet, "PINNED", ("timm/vit_fast.squashed", NAME)
        )

    def test_is_chosen_by_the_form(self, monkeypatch):
        chosen = []
        monkeypatch.setattr(
            constructors, "create", lambda _, entry, given: chosen.append(entry)
        )
        ViT(weights="imagenet", **ARGUMENTS)
        ViT(weights="imagenet", **ARGUMENTS, epsilon=1e-5, dropout=0.1)
        assert [entry.name for entry in chosen] == [
            NAME,
            "timm/vit_fast.squashed",
        ]

    def test_other_forms_raise(self):
        with pytest.raises(ValueError) as caught:
            ViT(weights="imagenet", **{**ARGUMENTS, "num_layers": 2})
        assert f"\n  {NAME}: patch_size=8, hidden_dim=8" in str(caught.value)

    def test_a_missing_file_names_an_example(self):
        with pytest.raises(
            ValueError, match="such as 'timm/vit_fast.squashed'"
        ):
            ViT(weights="no.keras")


def test_weights_for_another_function_raise():
    object.__setattr__(entries.table()[NAME], "function", "ResNet")
    with pytest.raises(ValueError, match="weights for `ViT`.*is a `ResNet`"):
        ViT(weights=NAME, **ARGUMENTS)


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=r"not installed. Run .*\[hub\]"):
        from_pretrained(NAME)
