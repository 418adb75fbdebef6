"""Creates a network with published weights, by their name."""

import os
from typing import Any

import keras

from keras_attn.applications.pretrained.constructors import CONSTRUCTORS
from keras_attn.applications.pretrained.creating import create
from keras_attn.applications.pretrained.entries import Entry
from keras_attn.applications.pretrained.names import is_name
from keras_attn.applications.pretrained.repositories import resolve


def from_pretrained(
    name: str,
    /,
    weights: str | os.PathLike[str] | None = None,
    **arguments: Any,
) -> keras.Model:
    """Creates a network with published weights, by their name.

    The name determines the function, such as `ResNet` or `ViT`, the arguments
    of its form and the file. All weights of the network must be in the file.
    `pretrained` lists the names, and `preprocessing` prepares images.

    Files are downloaded on the first use, and cached. Those of the Hugging Face
    Hub require `huggingface_hub` (the extra `hub`), and those of torchvision
    require PyTorch. At each load, the SHA-256 of the file is compared with the
    published one.

    Args:
        name: `"timm/<architecture>.<tag>"`, `"torchvision/<enum>.<entry>"` or
            `"hf://<user>/<repository>"`, optionally with `"@<revision>"`. The
            `config.json` of a repository must name one of timm's networks.
        weights: Path of a file of these weights that was downloaded before, or
            `None` to use the cache or the network. Defaults to `None`.
        **arguments: Further arguments of the function, if they do not
            contradict the weights. If the weights have no classifier, the model
            outputs the pooled features, as in timm. With another number of
            `classes`, the classifier keeps its initial values and a warning
            says so. The default `input_shape` is that of the weights. The
            keyword argument `name` is the name of the model.

    Returns:
        A functional `keras.Model`, as the function returns it.

    Raises:
        ValueError: If the name is unknown, an argument contradicts the
            weights, a required package is not installed, access to the file is
            denied, or the file is not the published one.
        ConnectionError: If a file is not cached and cannot be downloaded.

    Example:

    >>> try:
    ...     keras_attn.applications.from_pretrained("timm/resnet50.a1")
    ... except ValueError as error:
    ...     print("timm/resnet50.a1_in1k" in str(error))
    True
    """
    if not is_name(name):
        raise ValueError(
            "`name` must be one that `keras_attn.applications.pretrained()` "
            f"lists. Received: name={name!r}. For a file, pass its path as "
            "`weights` of a model function, such as "
            "`keras_attn.applications.ResNet50`"
        )
    entry = resolve(name)
    constructor = CONSTRUCTORS[entry.function]
    given = constructor.bind((), arguments)
    fix = "Leave these arguments out, or choose other weights"
    constructor.check(given, entry, fix)
    if given.get("classes") is None:
        _choose_top(given, entry)
    given.setdefault("name", _model_name(name))
    return create(constructor.function, entry, given, weights)


def _choose_top(given: dict[str, Any], entry: Entry) -> None:
    """Sets the arguments of the top where they are not given.

    Without a classifier, the output is the pooled features, as in timm.
    """
    if entry.classes or entry.function == "ViT":
        given["classes"] = entry.classes
        return
    if given.get("include_top"):
        raise ValueError(
            "`classes` must be given for a classifier, because the weights "
            f"{entry.name!r} have none. Received: include_top=True. Pass "
            "`classes` or `include_top=False`"
        )
    if "include_top" not in given:
        given.update(include_top=False, pooling=given.get("pooling") or "avg")


def _model_name(name: str) -> str:
    """Returns a name for the model, such as `"ecaresnet50d"`."""
    name = name.partition("@")[0].rpartition("/")[2]
    return name.partition(".")[0].removesuffix("_Weights").lower()
