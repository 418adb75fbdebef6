"""The networks of timm and torchvision, and the tags of their weights."""

import dataclasses
import importlib
import importlib.util
import inspect
import pathlib
from typing import Any
from unittest import mock

VERSION = "1.0.31"
# The modules of timm with networks of our families. `eva` has the Vision
# Transformers with rotary positions, and `byobnet` other networks as well.
MODULES = (
    *("byobnet", "deit", "eva", "resnest", "resnet", "senet", "sknet"),
    "vision_transformer",
)
# Of the other networks in these modules, we leave out those that are not
# ResNets, and the Perception Encoders with their own pooling.
OTHERS = {
    "byobnet": ("gernet", "mobileone", "regnetz", "repvgg", "test_"),
    "eva": ("vit_pe_",),
}
_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
# Alive as long as the operators that it defines.
_LIBRARIES: list[Any] = []


@dataclasses.dataclass(frozen=True)
class Network:
    """A network as its package builds it.

    Attributes:
        module: The last part of the module's name, such as `"resnet"`.
        cls: The class, or a function that returns the network.
        arguments: All arguments that it is called with.
    """

    module: str
    cls: Any
    arguments: dict[str, Any]

    def build(self, **arguments):
        """Builds the network with some arguments replaced."""
        merged = {**self.arguments, **arguments}
        return self.cls(**{k: v for k, v in merged.items() if k != "pruned"})


def import_timm():
    """Imports and returns timm, also beside a CPU build of PyTorch."""
    _define_operators()
    return importlib.import_module("timm")


def _define_operators():
    """Declares two operators of torchvision if its library does not load.

    The wheel on the package index is compiled against PyTorch for CUDA, so its
    library does not load beside a CPU build. The import then fails because it
    registers shapes for these operators, which no network here uses.
    """
    import torch

    spec = importlib.util.find_spec("torchvision")
    if _LIBRARIES or spec is None:
        return
    try:
        for path in pathlib.Path(spec.origin).parent.glob("_C*.so"):
            torch.ops.load_library(path)
            return
    except OSError:
        pass
    library = torch.library.Library("torchvision", "DEF")
    for operator in _OPERATORS:
        library.define(operator)
    _LIBRARIES.append(library)


def timm_tags():
    """Returns timm's architectures and tags in our families.

    Returns:
        A dict from the name of an architecture to the sorted list of its tags.
    """
    timm = import_timm()
    found: dict[str, list[str]] = {}
    for name in timm.list_pretrained():
        architecture, _, tag = name.partition(".")
        module = _module_of(architecture)
        if module in MODULES and not architecture.startswith(
            OTHERS.get(module, ("\0",))
        ):
            found.setdefault(architecture, []).append(tag)
    return {name: sorted(found[name]) for name in sorted(found)}


def _module_of(architecture):
    import timm

    entry = timm.model_entrypoint(architecture)
    return entry.__module__.removeprefix("timm.models.")


def timm_network(name):
    """Returns an architecture of timm, or one of its tags, without building it.

    Args:
        name: Name of an architecture, or `"<architecture>.<tag>"`.

    Returns:
        A `Network`.
    """
    timm = import_timm()
    module = _module_of(name.partition(".")[0])
    code = importlib.import_module(f"timm.models.{module}")
    build, found = code.build_model_with_cfg, []

    def record(cls, *args, **kwargs):
        def make(**arguments):
            # The builder removes it, and deletes channels afterwards.
            pruned = {"pruned": True} if kwargs.get("pruned") else {}
            found.append(Network(module, cls, {**arguments, **pruned}))
            raise _Recorded

        return build(make, *args, **kwargs)

    with mock.patch.object(code, "build_model_with_cfg", record):
        try:
            timm.create_model(name)
        except _Recorded:
            pass
    return found[0]


class _Recorded(Exception):
    """Ends the construction of a network."""


def parameters(name):
    """Returns the number of parameters of one of timm's networks.

    It is built on PyTorch's meta device, where arrays have no values.

    Args:
        name: Name of an architecture, or `"<architecture>.<tag>"`.
    """
    timm = import_timm()
    import torch

    with torch.device("meta"):
        model = timm.create_model(name)
    return sum(array.numel() for array in model.parameters())


def timm_config(name):
    """Returns timm's configuration of a tag's weights and images."""
    return import_timm().get_pretrained_cfg(name)


def torchvision_weights():
    """Returns torchvision's weights of ResNets and Vision Transformers.

    Returns:
        A dict from names such as `"ResNet50_Weights.IMAGENET1K_V2"` to pairs
        of the weights and a `Network`.
    """
    _define_operators()
    from torchvision import models

    found = {}
    modules = {
        "resnet": models.resnet,
        "vision_transformer": models.vision_transformer,
    }
    for name, module in modules.items():
        for builder in models.list_models():
            of = models.get_model_builder(builder).__module__
            if of != module.__name__:
                continue
            network = _torchvision_network(name, module, builder)
            for entry in models.get_model_weights(builder):
                found[str(entry)] = entry, network
    return found


def _torchvision_network(name, module, builder):
    """Returns the arguments of a network, without building it."""
    inner = "_resnet" if name == "resnet" else "_vision_transformer"
    signature = inspect.signature(getattr(module, inner))
    found = {}

    def record(*args, **kwargs):
        arguments = signature.bind(*args, **kwargs).arguments
        found.update(arguments.pop("kwargs", {}), **arguments)

    with mock.patch.object(module, inner, record):
        getattr(module, builder)()
    for unused in ("weights", "progress"):
        found.pop(unused)
    if name == "resnet":
        return Network(f"torchvision.{name}", module.ResNet, found)
    found["image_size"] = 224
    return Network(f"torchvision.{name}", module.VisionTransformer, found)
