"""All that decides the result of a training run."""

import argparse
import ast
import dataclasses
import pathlib
from typing import Any, Self

from applications.common.image_settings import SIZE, ImageSettings
from applications.common.settings import (
    NUMBER,
    SEVERAL,
    SHARE,
    WARMUP,
    Rule,
    setting,
)

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
# What the first layer of a network makes of pixels of 0 to 255.
INPUT_RANGES = ("-1,1", "0,1", "imagenet")
TO_ONE = Rule("in [0, 1]", lambda x, _: 0 <= x <= 1)


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Settings of a run; the defaults are the recipe for Fashion-MNIST.

    On the command line, what depends on the data comes from them.
    """

    epochs: int = 12
    batch_size: int = setting(128, "", SEVERAL)
    learning_rate: float = 4e-3
    seed: int = setting(
        0, "of weights, order, augmentation, dropout and division of folders"
    )
    size: int = setting(
        28,
        derived=f"{SIZE.format(LARGEST)}, or {LARGEST_CIFAR} for ResNetCIFAR",
    )
    network: str = setting(
        "ResNetCIFAR",
        "function of keras_attn.applications",
        choices=RESNETS + VITS,
    )
    attention: str = setting(
        "none",
        f"block in the slots of a ResNet: none, {', '.join(ATTENTIONS)}",
        Rule(
            f"none or one of {', '.join(ATTENTIONS)}",
            lambda x, _: x in ("none", *ATTENTIONS),
        ),
        Rule(
            "none with this --network, which has no slots for it",
            lambda x, config: x == "none" or config.network in RESNETS,
        ),
    )
    arguments: str = setting(
        "",
        "further arguments of that function as in Python, such "
        "as 'depth=14, placement=last'",
        Rule(
            "arguments as in Python, name=value with commas, without "
            "attention and what the data decide",
            lambda x, _: _are_arguments(x),
        ),
    )
    input_range: str = setting(
        "-1,1",
        "what the first layer makes of pixels of 0 to 255; "
        "imagenet: (pixel / 255 - mean) / std as in torchvision",
        Rule(
            "of grey images, as these are (--channels 1)",
            lambda x, config: x != "imagenet" or config.channels == 3,
        ),
        choices=INPUT_RANGES,
    )
    weights: str = setting(
        "none",
        "to start from, all but the classifier: none, a checkpoint "
        "for PyTorch, or a .keras file",
    )
    frozen: bool = setting(
        False,
        "train the classifier only, on what the rest, which stays, "
        "sees of each image, computed once",
        Rule(
            "without --mirror, --mixup and --rand-augment, and with "
            "--padding 0, as it sees each image once",
            lambda x, config: not x or not config.is_augmented,
        ),
    )
    optimizer: str = setting(
        "adamw", "sgd is with a momentum of 0.9", choices=("adamw", "sgd")
    )
    schedule: str = setting(
        "cosine",
        "of the learning rate over the run; cosine falls to 0",
        choices=("cosine", "constant"),
    )
    warmup_epochs: int = setting(
        1,
        "epochs in which it rises from 0",
        WARMUP,
        derived="1, or 0 if there is but one epoch",
    )
    weight_decay: float = setting(
        0.05, "of kernels, decoupled from the gradient", NUMBER
    )
    label_smoothing: float = setting(
        0.1, "share of the label that all classes have", SHARE
    )
    padding: int = setting(
        2,
        "black pixels around an image, out of which a random crop "
        "of its size is cut: shifts by as many at most",
        Rule("in [0, --size]", lambda x, config: 0 <= x <= config.size),
    )
    mirror: bool = setting(False, "mirror half of the images at random")
    mixup: float = setting(
        0.0, "alpha of the mixing of pairs of images; 0: none", TO_ONE
    )
    rand_augment: float = setting(
        0.0,
        "strength, to 1, of two of RandAugment's eleven "
        "changes, which Keras draws for a batch at a time; 0: none",
        TO_ONE,
    )

    @classmethod
    def from_options(cls, options: argparse.Namespace, **others: Any) -> Self:
        """Takes the settings out of parsed options, besides those given."""
        if options.warmup_epochs is None:
            # What rises for the whole of a run never is at its highest.
            others.setdefault("warmup_epochs", int(options.epochs > 1))
        return super().from_options(options, **others)

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
