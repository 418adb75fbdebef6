"""Compares a small network of timm or torchvision with ours."""

import functools
import json
import time

import numpy as np

from keras_attn.weights import load_torch, to_torch
from tests.pretrained import reduced

CLASSES = 10
# Of the largest output.
TOLERANCE = 1e-4
# `to_torch` writes the names of timm's other modules for these networks.
OTHER_NAMES = ("byobnet", "senet", "torchvision.vision_transformer")
# Prefixes of timm's names of layers that follow the tokens.
POOLING = ("attn_pool.", "fc_norm.")
# Prefixes of the names of what becomes a token, in timm and torchvision.
TOKENS = (
    *("patch_embed.proj.weight", "pos_embed", "cls_token", "reg_token"),
    *("dist_token", "conv_proj.weight", "class_token", "encoder.pos_embedding"),
)


class Comparison:
    """Loads random weights of networks, and compares the outputs.

    Several architectures are the same when they have few blocks. If such a
    network follows another, its weights are only loaded again, since the name
    beside them can be a reason to reject them.

    Args:
        folder: An empty folder for the files, as `pathlib.Path`.
        back: Whether the original also loads the weights of our network.
    """

    def __init__(self, folder, back=False):
        self.folder = folder
        self.back = back
        self._form = None

    def small(self, name, entry, network, classes):
        """Compares a network of few blocks.

        Args:
            name: The name of the architecture, for the file beside the
                weights.
            entry: An entry of a table with `"function"` and `"arguments"`.
            network: The `tests.pretrained.sources.Network`.
            classes: Number of classes, or 0 to compare features.

        Returns:
            A dict with the relative difference, or with a problem.
        """
        form = form_of(entry, network, classes)
        if form != self._form:
            self._form = None
            arguments, ours, size = _small(entry, network, classes)
            theirs = network.build(**arguments)
            function = entry["function"]
            self._goes_back = self.back and network.module not in OTHER_NAMES
            found = self._compare(name, function, ours, theirs, size, classes)
            if "problem" not in found:
                self._form, self._found = form, found
            return found
        started = time.perf_counter()
        state(name, self.folder)
        try:
            load_torch(self._model, self._path)
        except ValueError as error:
            return {"problem": shortened(error)}
        return {**self._found, "seconds": seconds_since(started)}

    def full(self, name, entry, network, facts):
        """Compares a network in its full size.

        Args:
            name: As for `small`.
            entry: As for `small`.
            network: As for `small`, of a tag.
            facts: What the table states about the tag.
        """
        self._goes_back = self.back and network.module not in OTHER_NAMES
        return self._compare(
            name,
            entry["function"],
            entry["arguments"],
            network.build(),
            tuple(facts["size"]),
            facts["classes"],
            facts["parameters"],
        )

    def _compare(
        self, name, function, ours, theirs, size, classes, parameters=None
    ):
        started = time.perf_counter()
        with_random_weights(theirs)
        images = np.random.default_rng(0).normal(size=(2, 3, *size))
        images = images.astype("float32")
        if parameters is not None:
            match_statistics(theirs, images)
        expected = outputs(theirs, images, classes)
        state(name, self.folder)
        self._path = save(theirs, self.folder)
        found = {}
        try:
            model = create(function, ours, self._path, size, classes)
            if parameters is not None:
                check_parameters(model, parameters)
            found["difference"] = difference(run(model, images), expected)
            if self._goes_back:
                load_back(theirs, model, classes)
                again = outputs(theirs, images, classes)
                found["back"] = difference(again, expected)
        except (ValueError, RuntimeError, TypeError) as error:
            return {**found, "problem": shortened(error)}
        self._model = model
        for key, value in dict(found).items():
            # Also if it is not a number.
            if not value <= TOLERANCE:
                found["problem"] = f"{key} of {value:.0e}"
        return {**found, "seconds": seconds_since(started)}


def form_of(entry, network, classes):
    """Returns what determines a small network, as text."""
    return repr((entry["function"], *_small(entry, network, classes)))


def _small(entry, network, classes):
    """Returns the arguments of both small networks, and the image's size."""
    size = reduced.image_size(network)
    arguments = reduced.of_network(network, classes, size)
    return arguments, reduced.of_entry(entry), size


def shortened(error):
    """Returns the message of an error as one line."""
    return " ".join(str(error).split())[:600]


def seconds_since(started):
    """Returns the seconds since a reading of `time.perf_counter`."""
    return round(time.perf_counter() - started, 1)


def with_random_weights(model, seed=0):
    """Sets all weights and running statistics of a PyTorch model."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    normal = functools.partial(torch.normal, generator=generator)
    for name, array in model.state_dict().items():
        shape = tuple(array.shape)
        last = name.rpartition(".")[2]
        if not array.is_floating_point():
            array.fill_(7)
        elif last == "running_var":
            array.copy_(torch.rand(shape, generator=generator) + 0.5)
        elif last in ("bias", "running_mean"):
            of_patches = name in ("patch_embed.proj.bias", "conv_proj.bias")
            array.copy_(normal(0.0, 0.02 if of_patches else 0.1, shape))
        elif array.ndim == 1:
            # Scales of normalisations and branches.
            array.copy_(torch.rand(shape, generator=generator) + 0.5)
        elif name.startswith(TOKENS):
            # So small that the epsilon of the first normalisation matters.
            inputs = array[0].numel() if array.ndim == 4 else 1
            array.copy_(normal(0.0, 0.02 / inputs**0.5, shape))
        else:
            inputs = array[0].numel()
            array.copy_(normal(0.0, (2 / inputs) ** 0.5, shape))
    return model.eval()


def match_statistics(model, images):
    """Sets the running statistics of a PyTorch model to those of images.

    At full depth, other statistics would amplify rounding errors 300 times.
    """
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.from_numpy(images))
    model.eval()


def outputs(model, images, classes):
    """Returns the logits of a PyTorch model, or its features."""
    import torch

    with torch.no_grad():
        run = model if classes else model.forward_features
        return run(torch.from_numpy(images)).numpy()


def state(name, folder):
    """Writes the name of an architecture as the hub has it."""
    config = {"architecture": name, "num_classes": CLASSES}
    (folder / "config.json").write_text(json.dumps(config))


def save(model, folder):
    """Writes weights as the hub has them, and returns their path."""
    from safetensors.torch import save_file

    path = folder / "model.safetensors"
    # The last file may still be mapped into memory.
    path.unlink(missing_ok=True)
    arrays = {k: v.contiguous() for k, v in model.state_dict().items()}
    save_file(arrays, path, {"format": "pt"})
    return path


def check_parameters(model, expected):
    """Raises an error if the number of parameters differs from a table."""
    found = sum(np.prod(v.shape) for v in model.trainable_variables)
    if found != expected:
        raise ValueError(
            "A network must have as many parameters as the table states. "
            f"Received: {found} instead of {expected}"
        )


def create(function, arguments, path, size, classes):
    """Creates our network with the weights of a file."""
    import keras

    from keras_attn import applications

    first = keras.config.image_data_format() == "channels_first"
    return getattr(applications, function)(
        include_top=classes > 0,
        weights=path,
        input_shape=(3, *size) if first else (*size, 3),
        classes=classes or 1000,
        classifier_activation=None,
        **arguments,
    )


def run(model, images):
    """Returns the outputs of our network, in PyTorch's order of axes."""
    import keras

    first = keras.config.image_data_format() == "channels_first"
    if not first:
        images = images.transpose(0, 2, 3, 1)
    found = keras.ops.convert_to_numpy(model(images, training=False))
    if found.ndim == 4 and not first:
        found = found.transpose(0, 3, 1, 2)
    return found


def load_back(theirs, model, classes):
    """Loads the weights of our network into the original, strictly.

    A network without a classifier has no layers of the pooling either.
    """
    import torch

    arrays = {k: torch.from_numpy(v) for k, v in to_torch(model).items()}
    before = theirs.state_dict()
    if not classes:
        pooling = {k: before[k] for k in before if k.startswith(POOLING)}
        arrays = {**pooling, **arrays}
    with_random_weights(theirs, seed=1).load_state_dict(arrays, strict=True)


def difference(found, expected):
    """Returns the largest difference, relative to the largest output."""
    if found.shape != expected.shape:
        raise ValueError(
            "Shapes of outputs must be the same. "
            f"Received: {found.shape} and {expected.shape}"
        )
    return float(abs(found - expected).max() / abs(expected).max())
