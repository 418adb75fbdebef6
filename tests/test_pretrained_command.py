"""Tests the command that writes the tables of weights and compares networks."""

import functools
import http.server
import json
import threading

import numpy as np
import pytest

from tests.pretrained import compare, page, records, tables
from tests.pretrained.sources import Network
from tests.pretrained.translate import translate

pytestmark = pytest.mark.once

TIMM = tables.read_table(tables.FOLDER / "timm.json")


def test_a_known_form_is_translated():
    """In the words of timm's constructors, without timm."""
    found = translate(
        Network(
            "resnet",
            None,
            {
                "block": "Bottleneck",
                "layers": (3, 4, 6, 3),
                "stem_type": "deep_tiered",
                "stem_width": 32,
                "avg_down": True,
                "cardinality": 32,
                "base_width": 4,
                "block_args": {"attn_layer": "eca"},
                "num_classes": 1000,
                "zero_init_last": False,
            },
        )
    )
    assert found == {
        "function": "ResNet",
        "arguments": {
            "blocks": [3, 4, 6, 3],
            "stem": "tiered",
            "shortcut": "average",
            "groups": 32,
            "width_per_group": 4,
            "attention": "eca",
        },
    }


class LayerNorm:
    """Stands for timm's class of this name."""


class OtherNorm:
    """Stands for a class that timm does not have."""


VIT = {"patch_size": 14, "embed_dim": 384, "depth": 12, "num_heads": 6}


def test_a_form_of_vit_is_translated():
    norm = functools.partial(LayerNorm, eps=1e-5)
    options = {"reg_tokens": 4, "no_embed_class": True, "init_values": 1e-5}
    arguments = {**VIT, **options, "norm_layer": norm, "mlp_ratio": 2.572}
    found = translate(Network("vision_transformer", None, arguments))
    assert found["arguments"] == {
        "patch_size": 14,
        "hidden_dim": 384,
        "num_layers": 12,
        "num_heads": 6,
        "mlp_dim": 987,
        "layer_scale": 1e-5,
        "register_tokens": 4,
        "class_position": False,
        "epsilon": 1e-5,
    }
    pooled = {**VIT, "global_pool": "avg"}
    found = translate(Network("vision_transformer", None, pooled))
    assert found["arguments"]["token_pooling"] == "patches"
    assert found["arguments"]["class_token"] is True
    assert found["arguments"]["norm_after_pooling"] is True


RESNET = {"block": "Bottleneck", "layers": (3, 4, 6, 3)}


@pytest.mark.parametrize(
    ("module", "arguments", "missing"),
    [
        ("resnet", {**RESNET, "new": None}, "argument `new`"),
        ("resnet", {**RESNET, "block_args": {"new": 1}}, "argument `new`"),
        ("resnet", {**RESNET, "stem_type": "new"}, "stem `new`"),
        ("resnet", {**RESNET, "aa_layer": "New"}, "`New`"),
        ("resnet", {**RESNET, "block": "New"}, "block `New`"),
        ("resnet", {**RESNET, "pruned": True}, "pruned"),
        ("resnet", {**RESNET, "in_chans": 1}, "images"),
        (
            "resnet",
            {**RESNET, "block_args": {"attn_layer": "new"}},
            "attention `new`",
        ),
        ("vision_transformer", {**VIT, "new": None}, "argument `new`"),
        ("vision_transformer", {**VIT, "act_layer": "new"}, "`new`"),
        ("vision_transformer", {**VIT, "norm_layer": OtherNorm}, "OtherNorm"),
        ("vision_transformer", {**VIT, "scale_mlp_norm": True}, "one branch"),
        ("vision_transformer", {**VIT, "global_pool": "max"}, "pooling"),
        ("vision_transformer", {**VIT, "mlp_layer": OtherNorm}, "MLP"),
        ("vision_transformer", {**VIT, "attn_layer": "diff"}, "diff"),
        (
            "vision_transformer",
            {**VIT, "global_pool": "map", "pool_include_prefix": True},
            "all tokens",
        ),
        ("eva", {**VIT, "use_rot_pos_emb": True}, "rotary"),
        ("eva", {**VIT, "qkv_fused": False}, "separate"),
    ],
)
def test_an_unknown_form_is_missing(module, arguments, missing):
    found = translate(Network(module, None, arguments))
    assert found.keys() == {"missing"}
    assert missing in found["missing"]


def test_an_argument_that_we_lack_is_missing():
    entry = {"function": "ViT", "arguments": {"patch_size": 14}}
    assert tables.loadable(entry) is entry
    lacking = {"function": "ViT", "arguments": {"telescope": True}}
    assert tables.loadable(lacking) == {"missing": "the argument `telescope`"}
    unknown = {"function": "Telescope", "arguments": {}}
    assert "Telescope" in tables.loadable(unknown)["missing"]


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers like the interface of the hub, for one repository."""

    def do_GET(self):
        found = self.path == "/api/models/timm/a.one?blobs=true"
        self.send_response(200 if found else 404)
        self.end_headers()
        files = [
            {"rfilename": "config.json"},
            {"rfilename": "model.safetensors", "lfs": {"sha256": "b" * 64}},
        ]
        info = {"sha": "a" * 40, "siblings": files}
        self.wfile.write(json.dumps(info).encode() if found else b"")

    def log_message(self, *args):
        pass


def test_revisions_and_hashes_come_from_the_hub(tmp_path):
    path = tmp_path / "timm.json"
    tags = {"one": {}, "two": {}, "three": {"hub": None}}
    tables.write_table(path, {"a": {"function": "ViT", "tags": tags}})
    server = http.server.HTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{server.server_port}"
        failed = tables.pin(path, address)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert [message.partition(":")[0] for message in failed] == ["a.two"]
    found = tables.read_table(path)["a"]["tags"]
    assert found == {
        "one": {"revision": "a" * 40, "sha256": "b" * 64},
        "two": {},
        "three": {"hub": None},
    }


def test_each_architecture_has_a_family():
    rows = [line.strip("| ").split(" | ") for line in page.by_family(TIMM)[2:]]
    *families, total = rows
    assert [row[0] for row in families] == list(page.FAMILIES)
    assert all(int(row[-2]) >= int(row[-1]) for row in families)
    tags = sum(len(entry["tags"]) for entry in TIMM.values())
    loaded = sum(
        len(entry["tags"]) for entry in TIMM.values() if "function" in entry
    )
    assert total[0] == "all" and total[-2:] == [str(tags), str(loaded)]
    reasons = [line.split(" | ") for line in page.by_reason(TIMM)[2:]]
    assert sum(int(row[1]) for row in reasons) == tags - loaded


def test_results_are_written_to_the_page(tmp_path):
    path, results = tmp_path / "page.md", tmp_path / "results"
    path.write_text(f"before\n{page.BEGIN}\nJAX: old.\n{page.END}\nafter\n")
    file = results / "torch_channels_first.jsonl"
    records.append(file, {"key": "a classes", "difference": 2e-6})
    records.append(file, {"key": "b classes", "problem": "It fails."})
    about, found = records.read(file)
    assert "keras" in about["versions"] and len(found) == 2
    page.write_page(path, results)
    text = path.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n")
    assert "PyTorch, channels_first: 1 of 2 networks agree" in text
    # Results that were not repeated stay.
    assert "\nJAX: old.\n" in text
    page.write_page(path, results)
    assert path.read_text() == text


def test_a_difference_is_relative_to_the_largest_output():
    expected = np.array([0.0, 100.0])
    assert compare.difference(expected + [0.0, 0.1], expected) < 1.1e-3
    assert compare.difference(expected * np.nan, expected) != 0
    with pytest.raises(ValueError, match="Shapes"):
        compare.difference(expected[:1], expected)
