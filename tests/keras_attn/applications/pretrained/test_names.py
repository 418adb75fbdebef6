import pytest

from keras_attn.applications import FERNet, ResNetCIFAR, from_pretrained
from keras_attn.applications.pretrained import entries, imagenet, names

pytestmark = pytest.mark.once


@pytest.mark.usefixtures("tables")
class TestErrors:
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("vit_tiny.in1k", "Similar names: 'timm/vit_tiny.in1k'"),
            ("timm/vit_tiny", "names: 'timm/vit_tiny.in1k', 'timm/vit_tiny.in"),
            ("timm/VIT_TINY.in22k", "Similar names: 'timm/vit_tiny.in21k'"),
            ("timm/vit_tinny.in1k", "Similar names: 'timm/vit_tiny.in1k'"),
            (
                "torchvision/ViT_T_8_Weights.DEFAULT",
                "Similar names: 'torchvision/ViT_T_8_Weights.IMAGENET1K_V1'",
            ),
            ("nothing like it", r"Received: 'nothing like it'\. `keras_attn"),
            ("timm/vit_strange.in1k", "needs relative positions"),
            ("hf://vit_tiny.in1k", "must be 'hf://<user>/<repository>"),
            ("hf://timm/../in1k", "must be 'hf://<user>/<repository>"),
            ("hf://timm/a@", "must be 'hf://<user>/<repository>"),
            ("weights.safetensors", "For a file, pass its path as `weights`"),
            (None, "`name` must be one that"),
        ],
    )
    def test_says_what_is_wrong(self, name, message):
        with pytest.raises(ValueError, match=message):
            from_pretrained(name)

    def test_a_path_with_another_suffix(self, tmp_path):
        (tmp_path / "weights.onnx").write_text("")
        with pytest.raises(ValueError, match="A file must end in one of"):
            names.find(str(tmp_path / "weights.onnx"))


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("timm/a.b", True),
        ("imagenet", True),
        ("hf://a/b", True),
        ("timm/a.safetensors", False),
        ("a.Weights.H5", False),
        ("model.keras", False),
        (None, False),
        (3, False),
    ],
)
def test_only_the_spelling_decides_what_is_a_name(weights, expected):
    assert names.is_name(weights) == expected


@pytest.mark.parametrize("function", [FERNet, ResNetCIFAR])
def test_functions_without_published_weights_say_so(function):
    with pytest.raises(ValueError, match="no pretrained weights for this mod"):
        function(weights="imagenet")


def test_the_names_for_imagenet_are_in_the_tables():
    for name in imagenet.PINNED:
        assert names.find(name).classes == 1000


def test_names_are_unique_and_have_facts():
    table = entries.table()
    assert len(table) > 500
    for name, entry in table.items():
        assert entry.name == name
        assert entry.interpolation in ("bicubic", "bilinear")
        assert entry.crop <= 1 and entry.crop_mode in ("center", "squash")
        if not entry.missing:
            assert entry.size[0] == entry.size[1]
            assert bool(entry.hub) != bool(entry.url)
