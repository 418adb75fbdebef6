"""All that decides the result of a training run."""

import argparse
import ast
import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from applications.common import chosen, datasets
from applications.common.settings import Settings

DEFAULT_RUN = "runs/image_classification/train"
RESNETS = ("ResNetCIFAR",) + tuple(
    f"ResNet{depth}" for depth in (18, 34, 50, 101, 152)
)
VITS = ("ViT",) + tuple(
    f"ViT{size}" for size in "Tiny16 Small16 Base16 Base32 Large16".split()
)
# Blocks for the slots of a ResNet, which are called as their files are:
# `keras_attn.layers.names()` would import Keras before the backend is chosen.
_BLOCKS = pathlib.Path(__file__).parents[2] / "keras_attn/layers/blocks"
ATTENTIONS = tuple(sorted(path.stem for path in _BLOCKS.glob("[a-z]*.py")))
# Most pixels a side of images whose size no option gives. The first maps of
# a ResNetCIFAR are as large as the image: 224 would take 4 GB of a small batch.
LARGEST, LARGEST_CIFAR = 224, 128
OPTIMIZERS = ("adamw", "sgd")
SCHEDULES = ("cosine", "constant")
# What the first layer of a network makes of pixels of 0 to 255.
INPUT_RANGES = ("-1,1", "0,1", "imagenet")


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """Settings of a run; the defaults are the recipe for Fashion-MNIST.

    On the command line, what depends on the data comes from them.
    """

    size: int = 28
    channels: int = 1
    validation: bool = False
    network: str = "ResNetCIFAR"
    attention: str = "none"
    arguments: str = ""
    input_range: str = "-1,1"
    weights: str = "none"
    frozen: bool = False
    epochs: int = 12
    batch_size: int = 128
    optimizer: str = "adamw"
    learning_rate: float = 4e-3
    schedule: str = "cosine"
    warmup_epochs: int = 1
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    padding: int = 2
    mirror: bool = False
    mixup: float = 0.0
    rand_augment: float = 0.0

    HELP: ClassVar[Mapping[str, str]] = {
        **Settings.HELP,
        **datasets.HELP,
        "network": "function of keras_attn.applications",
        "attention": "block in the slots of a ResNet: none, "
        + ", ".join(ATTENTIONS),
        "arguments": "further arguments of that function as in Python, such "
        "as 'depth=14, placement=last'",
        "input_range": "what the first layer makes of pixels of 0 to 255; "
        "imagenet: (pixel / 255 - mean) / std as in torchvision",
        "weights": "to start from, all but the classifier: none, a checkpoint "
        "for PyTorch, or a .keras file",
        "frozen": "train the classifier only, on what the rest, which stays, "
        "sees of each image, computed once",
        "optimizer": "sgd is with a momentum of 0.9",
        "schedule": "of the learning rate over the run; cosine falls to 0",
        "warmup_epochs": "epochs in which it rises from 0",
        "weight_decay": "of kernels, decoupled from the gradient",
        "label_smoothing": "share of the label that all classes have",
        "padding": "black pixels around an image, out of which a random crop "
        "of its size is cut: shifts by as many at most",
        "mirror": "mirror half of the images at random",
        "mixup": "alpha of the mixing of pairs of images; 0: none",
        "rand_augment": "strength, to 1, of two of RandAugment's eleven "
        "changes, which Keras draws for a batch at a time; 0: none",
        "seed": "of weights, order, augmentation, dropout and division of "
        "folders",
    }
    CHOICES: ClassVar[Mapping[str, Sequence]] = {
        **Settings.CHOICES,
        "channels": (1, 3),
        "network": RESNETS + VITS,
        "input_range": INPUT_RANGES,
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
    }

    DERIVED: ClassVar[Mapping[str, str]] = {
        **chosen.DERIVED,
        "size": f"{chosen.DERIVED['size']} {LARGEST}, or {LARGEST_CIFAR} for "
        "ResNetCIFAR",
        "warmup_epochs": "1, or 0 if there is but one epoch",
    }

    @classmethod
    def from_options(cls, options: argparse.Namespace, **others: Any) -> Self:
        """Takes the settings out of parsed options, besides those given."""
        if options.warmup_epochs is None:
            # What rises for the whole of a run never is at its highest.
            others.setdefault("warmup_epochs", int(options.epochs > 1))
        return super().from_options(options, **others)

    def rules(self) -> dict[str, tuple[bool, str]]:
        """Returns for each setting whether its rule holds, and what it is."""
        return {
            **super().rules(),
            "size": (self.size > 0, "positive"),
            "batch_size": (
                self.batch_size > 1,
                "2 or more, for batch normalisation",
            ),
            "attention": _attention_rule(self.attention, self.network),
            "arguments": (
                _are_arguments(self.arguments),
                "arguments as in Python, name=value with commas, without "
                "attention and what the data decide",
            ),
            "input_range": (
                self.input_range != "imagenet" or self.channels == 3,
                "of grey images, as these are (--channels 1)",
            ),
            "weight_decay": (
                0 <= self.weight_decay < float("inf"),
                "0, or a positive number",
            ),
            "warmup_epochs": (
                0 <= self.warmup_epochs < self.epochs,
                "0 or more and less than --epochs",
            ),
            "label_smoothing": (0 <= self.label_smoothing < 1, "in [0, 1)"),
            "padding": (0 <= self.padding <= self.size, "in [0, --size]"),
            "mixup": (0 <= self.mixup <= 1, "in [0, 1]"),
            "rand_augment": (0 <= self.rand_augment <= 1, "in [0, 1]"),
            "frozen": (
                not self.frozen or not self.is_augmented,
                "without --mirror, --mixup and --rand-augment, and with "
                "--padding 0, as it sees each image once",
            ),
        }

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels that images are brought to."""
        return (self.size, self.size, self.channels)

    @property
    def is_augmented(self) -> bool:
        """Whether images are changed at random in training."""
        return bool(
            self.padding or self.mirror or self.mixup or self.rand_augment
        )

    @property
    def network_arguments(self) -> dict[str, Any]:
        """The arguments of the network, those of `--attention` too."""
        found = parsed_arguments(self.arguments)
        if self.attention != "none":
            found["attention"] = self.attention
        return found


def _attention_rule(attention: str, network: str) -> tuple[bool, str]:
    if attention not in ("none", *ATTENTIONS):
        return False, f"none or one of {', '.join(ATTENTIONS)}"
    has_slots = attention == "none" or network in RESNETS
    return has_slots, "none with this --network, which has no slots for it"


def parsed_arguments(text: str) -> dict[str, Any]:
    """Reads `name=value, ...` as Python would; a bare word is a string."""
    call = ast.parse(f"f({text})", mode="eval").body
    is_call = isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    if not is_call or call.args:
        raise ValueError(f"not arguments with names: {text}")
    found = {}
    for each in call.keywords:
        if each.arg is None:
            raise ValueError(f"not arguments with names: {text}")
        value = each.value
        is_word = isinstance(value, ast.Name)
        found[each.arg] = value.id if is_word else ast.literal_eval(value)
    return found


def _are_arguments(text: str) -> bool:
    decided = {"attention", "input_tensor", "input_shape", "classes"}
    decided |= {"weights", "include_top", "pooling", "classifier_activation"}
    try:
        return not decided & set(parsed_arguments(text))
    except (SyntaxError, ValueError):
        return False
