"""Writes the tables of published weights from timm and torchvision."""

import inspect
import json
import os
import pathlib
import urllib.request

from tests.pretrained import sources
from tests.pretrained.translate import translate

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "keras_attn" / "applications" / "pretrained"
ENDPOINT = "https://huggingface.co"
FILE = "model.safetensors"
# Of a tag, only known after `--pin`.
PINNED = ("revision", "sha256")
# What an argument is for, if our functions do not have it yet.
FORMS = {"position": "rotary position embedding"}


def write_tables(folder=FOLDER):
    """Writes both tables; pinned revisions and hashes are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "timm.json"
    old = read_table(path) if path.exists() else {}
    write_table(path, timm_table(old))
    write_table(folder / "torchvision.json", torchvision_table())


def read_table(path):
    """Returns the contents of a table."""
    return json.loads(path.read_text("utf-8"))


def write_table(path, entries):
    """Writes a table with one line per entry, in the order of their names."""
    lines = [
        f"{json.dumps(name)}:{json.dumps(entry, separators=(',', ':'))}"
        for name, entry in sorted(entries.items())
    ]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def loadable(entry):
    """Returns what is translated, or what our functions lack.

    Args:
        entry: The result of `translate`.
    """
    from keras_attn import applications

    if "missing" in entry:
        return entry
    function = getattr(applications, entry["function"], None)
    if function is None:
        return {"missing": f"the function `{entry['function']}`"}
    known = inspect.signature(function).parameters
    for name in entry["arguments"]:
        if name not in known:
            return {"missing": FORMS.get(name, f"the argument `{name}`")}
    return entry


def timm_table(old):
    """Returns the table of timm's tags.

    Args:
        old: The last table, whose pinned values are kept.
    """
    found = {}
    for architecture, tags in sources.timm_tags().items():
        network = sources.timm_network(architecture)
        entry = loadable(translate(network))
        before = old.get(architecture, {}).get("tags", {})
        counts = {}
        found[architecture] = {**entry, "tags": {}}
        for tag in tags:
            name = f"{architecture}.{tag}"
            other = sources.timm_network(name)
            if loadable(translate(other)) != entry:
                raise ValueError(
                    "All tags of an architecture must have the same network. "
                    f"Received: {name}"
                )
            # Parameters differ with the classes and the size of images.
            size = str(sorted(other.arguments.items(), key=str))
            if size not in counts:
                counts[size] = sources.parameters(name)
            found[architecture]["tags"][tag] = {
                **_facts(name, counts[size]),
                **{k: v for k, v in before.get(tag, {}).items() if k in PINNED},
            }
    return found


def _facts(name, parameters):
    """Returns what the table says about a tag."""
    config = sources.timm_config(name)
    facts = {
        "classes": config.num_classes,
        "size": list(config.input_size[1:]),
        "mean": list(config.mean),
        "std": list(config.std),
        "interpolation": config.interpolation,
        "crop": config.crop_pct,
        "license": config.license,
        "parameters": parameters,
    }
    if config.crop_mode != "center":
        facts["crop_mode"] = config.crop_mode
    # Some files are shared, and some are not on the hub.
    if config.hf_hub_id != f"timm/{name}":
        facts["hub"] = config.hf_hub_id
    return facts


def torchvision_table():
    """Returns the table of torchvision's weights."""
    found = {}
    for name, (weights, network) in sources.torchvision_weights().items():
        transforms = weights.transforms()
        height = width = transforms.crop_size[0]
        license_ = weights.meta.get("license", "bsd-3-clause")
        found[name] = {
            **loadable(translate(network)),
            "url": weights.url,
            "classes": len(weights.meta["categories"]),
            "size": [height, width],
            "resize": transforms.resize_size[0],
            "mean": list(transforms.mean),
            "std": list(transforms.std),
            "interpolation": transforms.interpolation.value,
            "parameters": weights.meta["num_params"],
            # SWAG's weights have their own, given by its address.
            "license": "cc-by-nc-4.0" if "SWAG" in license_ else license_,
        }
    return found


def pin(path=FOLDER / "timm.json", endpoint=None, only=""):
    """Asks the Hugging Face Hub for revisions and hashes of all tags.

    Args:
        path: The table, which is written after each architecture.
        endpoint: Address of the hub. Defaults to the one in `HF_ENDPOINT`, or
            the public hub.
        only: Part of the names to ask for.

    Returns:
        The names of the tags for which the hub does not have the file.
    """
    endpoint = endpoint or os.environ.get("HF_ENDPOINT") or ENDPOINT
    entries, failed = read_table(path), []
    for architecture, entry in entries.items():
        for tag, facts in entry["tags"].items():
            name = f"{architecture}.{tag}"
            hub = facts.get("hub", f"timm/{name}")
            if hub is None or only not in name:
                continue
            try:
                facts.update(_pinned(endpoint, hub))
            except (OSError, LookupError, ValueError) as error:
                failed.append(f"{name}: {error}")
        write_table(path, entries)
    return failed


def _pinned(endpoint, hub):
    """Returns the revision of a repository and the hash of its weights."""
    address = f"{endpoint}/api/models/{hub}?blobs=true"
    with urllib.request.urlopen(address, timeout=60) as response:
        info = json.load(response)
    files = {each["rfilename"]: each for each in info["siblings"]}
    if FILE not in files:
        raise LookupError(f"{hub} has no {FILE}")
    return {"revision": info["sha"], "sha256": files[FILE]["lfs"]["sha256"]}
