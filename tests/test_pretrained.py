"""Tests the tables of published weights, with the original networks if slow."""

import importlib
import importlib.util
import re

import keras
import pytest

from keras_attn import applications
from keras_attn.applications.vit import refusals
from tests.pretrained import compare, tables

pytestmark = pytest.mark.once

TIMM = tables.read_table(tables.FOLDER / "timm.json")
TORCHVISION = tables.read_table(tables.FOLDER / "torchvision.json")
FACTS = {
    *("classes", "size", "mean", "std", "interpolation", "license"),
    "parameters",
}
OPTIONAL = {"hub", "crop_mode", "revision", "sha256"}
# Sizes do not belong to the form of a network.
SIZES = (
    *("blocks", "filters"),
    *("hidden_dim", "num_layers", "num_heads", "mlp_dim"),
)


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


def test_the_names_of_networks_imply_their_forms():
    """Files are rejected by these rules if the name beside them differs."""
    for name, entry in there(TIMM).items():
        form = entry["arguments"]
        if entry["function"] == "ViT" and refusals._TIMM.match(name):
            heads = refusals.heads_of(form["hidden_dim"], name)
            assert heads in (None, form["num_heads"]), name
            activation = form.get("activation", "gelu")
            patterns = refusals._ACTIVATIONS.items()
            found = [a for a, pattern in patterns if pattern.search(name)]
            assert (found or ["gelu"])[0] == activation, name
            large = bool(refusals._LARGE_EPSILON.search(name))
            assert large == (form.get("epsilon", 1e-6) == 1e-5), name


def narrow(entry):
    """Returns small arguments with the form of an entry."""
    found = {**entry["arguments"]}
    if entry["function"] == "ResNet":
        return {**found, "blocks": [1, 1, 1, 1], "filters": [32, 32, 32, 32]}
    return {
        **found,
        "hidden_dim": 4 * found["num_heads"],
        "num_layers": 1,
        "mlp_dim": 8,
    }


def covering(entries):
    """Returns a few entries that have all arguments, and layers as JSON."""

    def forms(entry):
        return {
            (name, type(value).__name__)
            for name, value in entry["arguments"].items()
            if name not in SIZES
        }

    left = set().union(*map(forms, entries))
    found = []
    while left:
        best = max(entries, key=lambda entry: len(forms(entry) & left))
        left -= forms(best)
        found.append(best)
    return found


@pytest.mark.parametrize("function", ["ResNet", "ViT"])
def test_the_forms_can_be_built(function):
    entries = [e for e in there(TIMM).values() if e["function"] == function]
    chosen = covering(entries)
    assert 3 <= len(chosen) < 12
    for entry in chosen:
        side = 2 * entry["arguments"].get("patch_size", 16)
        model = getattr(applications, function)(
            input_shape=(side, side, 3), classes=2, **narrow(entry)
        )
        assert tuple(model.output.shape) == (None, 2)
        keras.backend.clear_session()


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
def test_a_network_of_full_size_agrees(name, tmp_path):
    network, entry = original(name)
    architecture, _, tag = name.partition(".")
    facts = entry["tags"][tag] if "tags" in entry else entry
    found = compare.Comparison(tmp_path, back=True).full(
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
