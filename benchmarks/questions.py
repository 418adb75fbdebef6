"""The sections of `docs/benchmarks.md`: what was compared, and how."""

from collections.abc import Callable
from dataclasses import dataclass


def rows_as_recorded(rows):
    """Returns the recorded rows."""
    return rows


def by_shape(rows):
    """Returns one row per block, with ratio and time for each shape."""
    found = {}
    for row in rows:
        block = found.setdefault(row["block"], {"block": row["block"]})
        for what in ("forward", "backward"):
            ms, ratio = row[f"{what}, ours ms"], row[f"{what}, ours / plain"]
            block[f"{what} {row['shape']}"] = f"{ratio:.2f} ({ms:.1f} ms)"
    names = list(next(iter(found.values())))
    return [
        {name: row.get(name, "") for name in names} for row in found.values()
    ]


def together(names):
    """Returns the columns after the first as one group."""
    return [names[1:]]


def by_direction(names):
    """Returns the columns of the forward pass, and those of the backward."""
    return [
        [name for name in names if name.startswith(f"{what} ")]
        for what in ("forward", "backward")
    ]


def by_unit(names):
    """Returns the columns of times, and those of operations and memory."""
    work = [name for name in names if "GFLOP" in name or "MiB" in name]
    return [[name for name in names[1:] if name not in work], work]


@dataclass(frozen=True)
class Question:
    """A section of the page.

    Attributes:
        title: The heading of the section.
        text: What was compared, and what the columns mean.
        rows: Function from the recorded rows to those of the page.
        groups: Function from all column names to groups of names. Each group
            becomes a table, with the first column before it.
    """

    title: str
    text: str
    rows: Callable = rows_as_recorded
    groups: Callable = together


QUESTIONS = {
    "layers": Question(
        "Blocks",
        "Each block against its published form in plain PyTorch, with the same "
        "weights and outputs that were verified to agree. The batch has 8 "
        "maps, at the shapes of the four stages of a ResNet-50. *Forward* is "
        "inference. *Backward* is a forward and backward pass in training, "
        "with gradients of the input and of all weights. A cell gives our "
        "time divided by PyTorch's, and our milliseconds. *FCA* transforms at "
        "the size of the map, as FcaNet does, *FCA pooled* at 7 x 7. The "
        "published code of `Encoding` and `ContextEncoding` stores the "
        "residuals of all codewords. The published code of `GSoP`, `SOCA` and "
        "`CovariancePooling` centres with a matrix over all positions.",
        by_shape,
        by_direction,
    ),
    "models": Question(
        "ResNet-50",
        "8 images of 224 x 224 from NumPy. *Training* is a step of SGD with "
        "momentum on the cross-entropy, *inference* returns NumPy logits. "
        "*Plain* is ResNet-50 without attention in plain PyTorch, *without* is "
        "our ResNet-50 without attention, and *ours* is ours with the block.",
    ),
    "feature_act": Question(
        "FeatureAct",
        "A forward and backward pass of 32 maps, with gradients of the input "
        "and of all weights. *Plain* is the published explicit form in "
        "PyTorch, which loops over the target channels. *Vectorised* is the "
        "same without the loop. GFLOP count the forward pass.",
        groups=by_unit,
    ),
    "fernet": Question(
        "FERNet",
        "32 grey images of 48 x 48. *Training* is a step of Adam on the "
        "cross-entropy, *inference* returns NumPy logits. The images come from "
        "NumPy; for PyTorch they are converted once, outside of the timing.",
        groups=by_unit,
    ),
    "grad_cam": Question(
        "Grad-CAM",
        "Maps of four 224 x 224 images from a ResNet-50, with a given class "
        "per image. *Ours* is a complete call of `GradCAM`, from NumPy images "
        "to NumPy maps. *Forward* is `predict_on_batch` of the same model and "
        "images. *Plain* takes the steps of pytorch-grad-cam in plain PyTorch: "
        "hooks, and a backward pass through the whole network that also "
        "computes the gradients of all weights. *Plain forward* is the "
        "inference of that network. Both have the same weights, and their maps "
        "were verified to agree. *Ours / forward* is the cost of a call in "
        "forward passes, *plain / plain forward* the same for PyTorch. At "
        "least one pass is needed.",
    ),
    "score_cam": Question(
        "Score-CAM",
        "One 224 x 224 image and a ResNet-50, with a given class. *Ours* is a "
        "complete call of `ScoreCAM` with `top_k=64` and `batch_size=16`. It "
        "runs the model on 65 images: once for the feature maps, and on 64 "
        "masked images in batches of 16. *Passes* is `predict_on_batch` of 64 "
        "images that are already masked. *Ours / passes* shows the cost of "
        "everything else, such as masking. The feature maps alone account for "
        "65 / 64 = 1.02.",
    ),
    "deeplab": Question(
        "DeepLab",
        "Inference of one 321 x 321 image. *asc* is attention to scale with "
        "the scales 1 and 0.5. Its two sides differ. *plain* follows a known "
        "PyTorch implementation, which resizes features to the image size "
        "before the attention and has a classifier per scale. *ours* merges "
        "at 1/8 of that size, as the paper does. *largefov* is "
        "the network up to `fc7`. It is the same on both sides, and the "
        "outputs were verified to agree.",
        groups=by_unit,
    ),
    "zfnet": Question(
        "ZF-Net",
        "8 images of 224 x 224 from NumPy. *Training* is a step of SGD with "
        "momentum on the cross-entropy, *inference* returns NumPy logits.",
    ),
    "deconvnet": Question(
        "DeconvNet",
        "The strongest activation of one map of ZF-Net's last pooling, "
        "projected back to the pixels of one 224 x 224 image. *Ours* is a "
        "complete call of `DeconvNet`, from NumPy to NumPy. *Forward* is "
        "`predict_on_batch` of the same model, including its linear layers. "
        "*Plain* uses switches and transposed convolutions in plain PyTorch, "
        "runs up to the last pooling only, and was verified to give the same "
        "pixels. *Plain forward* is the inference of that network. *Ours / "
        "forward* is the cost of a call in forward passes.",
    ),
    "vit": Question(
        "Vision Transformers",
        "4 images from NumPy. *Reference* has the settings of the reference "
        "code: 256 x 256 pixels, patches of 32, 6 blocks of width 1024 with 16 "
        "heads, and dropout. *Training* is a step of SGD with momentum on the "
        "cross-entropy. *Adam* is the same with Adam, from Keras and from "
        "PyTorch. *Inference* returns NumPy logits. *Plain* uses "
        "`scaled_dot_product_attention`, and its outputs were verified to "
        "agree with ours.",
    ),
    "switches": Question(
        "Max pooling with indices",
        "3 x 3 windows with stride 2 on 8 maps of 110 x 110 x 96. *Forward* is "
        "inference, *backward* a forward and backward pass. *Plain* is the "
        "pooling of PyTorch, *plain with indices* also returns the indices. "
        "*Ours without* is our pooling that returns only the maxima.",
    ),
}
