"""Settings that determine the result of a training run."""

import argparse
import ast
import dataclasses
import pathlib
import re
from typing import Any, Self

from applications.common.image_settings import SIZE, ImageSettings
from applications.common.parsing import AUGMENTATION, NETWORK, TRAINING
from applications.common.settings import (
    FRACTION,
    NUMBER,
    SEVERAL,
    WARMUP,
    Rule,
    setting,
)

DEFAULT_RUN = "runs/image_classification/train"
# Networks and blocks are read from the package's source, since an import of
# the package would import Keras before the backend is chosen.
_PACKAGE = pathlib.Path(__file__).parents[2] / "keras_attn"
_PUBLIC = (_PACKAGE / "applications/__init__.py").read_text(encoding="utf-8")
RESNETS, VITS = (
    tuple(re.findall(rf"\.{family} import (\w+) as", _PUBLIC))
    for family in ("resnet", "vit")
)
# Blocks for the slots of a ResNet; a file has the name of its block.
_BLOCKS = _PACKAGE / "layers/blocks"
ATTENTIONS = tuple(sorted(path.stem for path in _BLOCKS.glob("[a-z]*.py")))
# Largest side in pixels that is derived from the data. The first maps of a
# ResNetCIFAR are as large as the image: 224 would need 4 GB for a small batch.
LARGEST, LARGEST_CIFAR = 224, 128
# Ranges to which the first layer of a network scales pixels of [0, 255].
INPUT_RANGES = ("-1,1", "0,1", "imagenet")
TO_ONE = Rule("in [0, 1]", lambda x, _: 0 <= x <= 1)


@dataclasses.dataclass(frozen=True)
class Config(ImageSettings):
    """Settings of a run; the defaults are the recipe for Fashion-MNIST.

    On the command line, some defaults are derived from the data.
    """

    epochs: int = 12
    batch_size: int = setting(128, "", SEVERAL)
    learning_rate: float = 4e-3
    seed: int = setting(
        0,
        "seed of the weights, the order, the augmentation, dropout and the "
        "70:15:15 split of a folder",
    )
    size: int = setting(
        28,
        derived=f"{SIZE.format(LARGEST)}, or {LARGEST_CIFAR} for ResNetCIFAR",
    )
    network: str = setting(
        "ResNetCIFAR",
        "network of keras_attn.applications",
        choices=RESNETS + VITS,
        group=NETWORK,
    )
    attention: str = setting(
        "none",
        "attention block in the slots of a ResNet: none, "
        f"{', '.join(ATTENTIONS)}",
        Rule(
            f"none or one of {', '.join(ATTENTIONS)}",
            lambda x, _: x in ("none", *ATTENTIONS),
        ),
        Rule(
            "none with this --network, which has no slots for attention",
            lambda x, config: x == "none" or config.network in RESNETS,
        ),
        group=NETWORK,
    )
    arguments: str = setting(
        "",
        "further arguments of the network as in Python, such as "
        "'depth=14, placement=last'",
        Rule(
            "arguments as in Python: name=value separated by commas, without "
            "attention and the arguments that the data determine",
            lambda x, _: _are_arguments(x),
        ),
        group=NETWORK,
    )
    input_range: str = setting(
        "-1,1",
        "range to which the first layer scales pixels of [0, 255], where "
        "imagenet is (pixel / 255 - mean) / std as in torchvision",
        Rule(
            "another range for grey images (--channels 1)",
            lambda x, config: x != "imagenet" or config.channels == 3,
        ),
        choices=INPUT_RANGES,
        group=NETWORK,
    )
    weights: str = setting(
        "none",
        "file with initial weights for all layers but the classifier, a "
        "PyTorch checkpoint or a .keras file; none: random weights",
        group=NETWORK,
    )
    frozen: bool = setting(
        False,
        "train only the classifier; the features of the other layers are "
        "computed once per image",
        Rule(
            "used without --mirror, --mixup and --rand-augment, and with "
            "--padding 0, since each image is seen once",
            lambda x, config: not x or not config.is_augmented,
        ),
        group=TRAINING,
    )
    optimizer: str = setting(
        "adamw",
        "optimizer; sgd has a Nesterov momentum of 0.9",
        choices=("adamw", "sgd"),
        group=TRAINING,
    )
    schedule: str = setting(
        "cosine",
        "learning rate schedule; cosine falls to 0",
        choices=("cosine", "constant"),
        group=TRAINING,
    )
    warmup_epochs: int = setting(
        1,
        "epochs in which the learning rate rises linearly from 0",
        WARMUP,
        derived="1, or 0 for a single epoch",
        group=TRAINING,
    )
    weight_decay: float = setting(
        0.05,
        "weight decay of the kernels, decoupled from the gradient",
        NUMBER,
        group=TRAINING,
    )
    label_smoothing: float = setting(
        0.1,
        "fraction of each label that is spread over all classes",
        FRACTION,
        group=TRAINING,
    )
    padding: int = setting(
        2,
        "black pixels added on each side before a random crop of the original "
        "size: the largest shift",
        Rule("in [0, --size]", lambda x, config: 0 <= x <= config.size),
        group=AUGMENTATION,
    )
    mirror: bool = setting(
        False, "mirror half of the images at random", group=AUGMENTATION
    )
    mixup: float = setting(
        0.0,
        "alpha of mixup, which mixes pairs of images; 0: none",
        TO_ONE,
        group=AUGMENTATION,
    )
    rand_augment: float = setting(
        0.0,
        "strength in [0, 1] of Keras' RandAugment, which applies two of eleven "
        "transformations to each batch; 0: none",
        TO_ONE,
        group=AUGMENTATION,
    )

    @classmethod
    def from_options(cls, options: argparse.Namespace, **others: Any) -> Self:
        """Returns the settings of parsed options, overridden by `others`."""
        if options.warmup_epochs is None:
            # A warm-up over the whole run would never reach the full rate.
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
        """Arguments of the network, including `--attention`."""
        found = parsed_arguments(self.arguments)
        if self.attention != "none":
            found["attention"] = self.attention
        return found


def parsed_arguments(text: str) -> dict[str, Any]:
    """Parses `name=value, ...` as Python does; a bare word is a string."""
    call = ast.parse(f"f({text})", mode="eval").body
    is_call = isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    if not is_call or call.args:
        raise ValueError(f"arguments must have names. Received: {text}")
    found = {}
    for each in call.keywords:
        if each.arg is None:
            raise ValueError(f"arguments must have names. Received: {text}")
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
