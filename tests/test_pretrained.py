"""Tests the tables of published weights, and the command that compares."""

import functools
import http.server
import importlib.util
import json
import re
import threading

import keras
import numpy as np
import pytest

from keras_attn import applications
from tests.pretrained import compare, page, records, reduced, tables
from tests.pretrained.sources import Network
from tests.pretrained.translate import translate

pytestmark = pytest.mark.once

TIMM = tables.read_table(tables.FOLDER / "timm.json")
TORCHVISION = tables.read_table(tables.FOLDER / "torchvision.json")
FACTS = {
    *("classes", "size", "mean", "std", "interpolation", "license"),
    "parameters",
}
OPTIONAL = {"hub", "crop_mode", "revision", "sha256"}
# Sizes do not belong to the form of a network.
SIZES = ("blocks", "hidden_dim", "num_layers", "num_heads", "mlp_dim")


def there(entries):
    """Returns the entries that our functions can build."""
    return {name: e for name, e in entries.items() if "missing" not in e}


def problems_of_facts(facts):
    """Returns which facts about published weights are malformed."""
    found = []
    if facts["license"] is not None and not facts["license"]:
        found.append("license")
    if not all(0 <= x <= 1 for x in (*facts["mean"], *facts["std"])):
        found.append("mean, std")
    if any(len(facts[name]) != 3 for name in ("mean", "std")):
        found.append("mean, std")
    if facts["interpolation"] not in ("bilinear", "bicubic"):
        found.append("interpolation")
    if facts.get("crop_mode", "squash") != "squash":
        found.append("crop_mode")
    if not re.fullmatch(r"[\w-]+/[\w.-]+", facts.get("hub") or "timm/any"):
        found.append("hub")
    for name, digits in {"revision": 40, "sha256": 64}.items():
        value = facts.get(name, digits * "0")
        if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", value):
            found.append(name)
    numbers = (facts["classes"], facts["parameters"], *facts["size"])
    if len(facts["size"]) != 2 or any(type(x) is not int for x in numbers):
        found.append("numbers")
    return found


@pytest.mark.parametrize("name", ["timm", "torchvision"])
def test_a_table_has_one_sorted_line_per_entry(name, tmp_path):
    path = tables.FOLDER / f"{name}.json"
    tables.write_table(tmp_path / "again.json", tables.read_table(path))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    lines = path.read_text().splitlines()[1:-1]
    names = [line.partition(":")[0] for line in lines]
    assert names == sorted(names) and len(names) == len(set(names))


def test_entries_of_timm_are_well_formed():
    wrong = {}
    for name, entry in TIMM.items():
        form = entry.keys() - {"tags"}
        if form not in ({"function", "arguments"}, {"missing"}):
            wrong[name] = form
        assert entry["tags"], name
        for tag, facts in entry["tags"].items():
            assert facts.keys() - OPTIONAL == FACTS | {"crop"}, (name, tag)
            if problems := problems_of_facts(facts):
                wrong[name, tag] = problems
    assert wrong == {}


def test_entries_of_torchvision_are_well_formed():
    for name, facts in TORCHVISION.items():
        form = {"function", "arguments"}
        assert facts.keys() == FACTS | form | {"url", "resize"}, name
        assert problems_of_facts(facts) == [], name
        assert re.fullmatch(r"https://\S+-[0-9a-f]{8}\.pth", facts["url"])


def test_a_malformed_tag_is_found():
    facts = next(iter(TIMM["resnet50"]["tags"].values()))
    assert problems_of_facts(facts) == []
    for wrong in (
        {"mean": [123.0, 117.0, 104.0]},
        {"interpolation": "random"},
        {"crop_mode": "center"},
        {"sha256": "0" * 63},
        {"hub": "timm"},
        {"classes": 1000.0},
        {"license": ""},
    ):
        assert problems_of_facts({**facts, **wrong}) != [], wrong


def test_at_least_400_tags_load():
    """Without those that have no repository on the hub."""
    tags = [facts for e in there(TIMM).values() for facts in e["tags"].values()]
    assert sum(facts.get("hub", "") is not None for facts in tags) >= 400
    assert there(TORCHVISION) == TORCHVISION


def test_all_arguments_are_accepted(monkeypatch):
    """Each function checks its arguments, and builds nothing here."""
    built = []
    for module in ("resnet", "vit"):
        graph = importlib.import_module(
            f"keras_attn.applications.{module}.graph"
        )
        monkeypatch.setattr(graph, "build", lambda *args: built.append(args))
    entries = [*there(TIMM).items(), *there(TORCHVISION).items()]
    for name, entry in entries:
        try:
            getattr(applications, entry["function"])(**entry["arguments"])
        except (TypeError, ValueError) as error:
            pytest.fail(f"{name}: {error}")
    assert len(built) == len(entries)


def narrow(entry):
    """Returns small arguments with the form of an entry."""
    found = {**entry["arguments"]}
    if entry["function"] == "ResNet":
        # Wide enough for 64 groups of 4 in a base of 64.
        return {**found, "blocks": [1, 1, 1, 1], "filters": [16, 16, 16, 64]}
    return {
        **found,
        "hidden_dim": 4 * found["num_heads"],
        "num_layers": 1,
        "mlp_dim": 8,
    }


def covering(entries):
    """Returns a few entries with each argument and each value, but numbers."""

    def values(entry):
        return {
            (name, "number" if type(value) in (int, float) else str(value))
            for name, value in entry["arguments"].items()
            if name not in SIZES
        }

    left = set().union(*map(values, entries))
    found = []
    while left:
        best = max(entries, key=lambda entry: len(values(entry) & left))
        left -= values(best)
        found.append(best)
    return found


@pytest.mark.parametrize("function", ["ResNet", "ViT"])
def test_the_forms_can_be_built(function):
    entries = [e for e in there(TIMM).values() if e["function"] == function]
    chosen = covering(entries)
    assert 3 <= len(chosen) < 12
    for entry in chosen:
        size = reduced.image_size(entry)
        model = getattr(applications, function)(
            input_shape=(*size, 3), classes=2, **narrow(entry)
        )
        assert tuple(model.output.shape) == (None, 2)
        keras.backend.clear_session()


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


class RmsNorm:
    """Stands for timm's class of this name."""


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
        ("vision_transformer", {**VIT, "norm_layer": RmsNorm}, "RMS"),
        ("vision_transformer", {**VIT, "global_pool": "max"}, "pooling"),
        ("vision_transformer", {**VIT, "mlp_layer": RmsNorm}, "MLP"),
        ("vision_transformer", {**VIT, "attn_layer": "diff"}, "diff"),
        ("eva", {**VIT, "use_rot_pos_emb": True}, "rotary"),
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
    loaded = sum(len(entry["tags"]) for entry in there(TIMM).values())
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


def original(name):
    """Returns the network with a name in a table, from its package."""
    for package in ("timm", "torchvision"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(
                f"builds networks with {package}: see `make pretrained`"
            )
    from tests.pretrained import sources

    if name in TORCHVISION:
        return sources.torchvision_weights()[name][1], TORCHVISION[name]
    architecture, _, _ = name.partition(".")
    return sources.timm_network(name), TIMM[architecture]


@pytest.mark.slow
@pytest.mark.each_backend
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name",
    [
        "ecaresnet50t.ra2_in1k",
        "seresnext50_32x4d.racm_in1k",
        "resnetrs50.tf_in1k",
        "vit_small_patch14_reg4_dinov2.lvd142m",
        "vit_base_patch16_clip_quickgelu_224.openai",
        "deit_tiny_distilled_patch16_224.fb_in1k",
        "ResNet18_Weights.IMAGENET1K_V1",
    ],
)
def test_a_network_of_full_size_agrees(name):
    network, entry = original(name)
    architecture, _, tag = name.partition(".")
    facts = entry["tags"][tag] if "tags" in entry else entry
    found = compare.Comparison(back=True).full(
        architecture if "tags" in entry else "", entry, network, facts
    )
    assert "problem" not in found, found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_tables_match_the_packages(tmp_path):
    original("resnet50")
    from importlib.metadata import version

    from tests.pretrained import sources

    assert version("timm") == sources.VERSION
    tables.write_tables(tmp_path)
    for name, entries in {"timm": TIMM, "torchvision": TORCHVISION}.items():
        found = tables.read_table(tmp_path / f"{name}.json")
        for entry in entries.values():
            for facts in entry.get("tags", {}).values():
                for pinned in tables.PINNED:
                    facts.pop(pinned, None)
        assert found == entries
