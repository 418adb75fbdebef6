"""Builds, splits and loads networks of this task."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np

from applications.common import runs, saved
from applications.common.batches import input_shape
from applications.semantic_segmentation.config import Config
from applications.semantic_segmentation.vgg16 import HED_SHA256, load_vgg16
from keras_attn.applications import DeepLabASC, DeepLabLargeFOV
from keras_attn.weights import load_torch
from keras_attn.weights.files import SUFFIXES

STAGES = ("stage1", "stage2", "stage3", "stage4", "stage5")


def build_model(config: Config, classes: int) -> keras.Model:
    """Builds a network that outputs logits for images of any size."""
    common = {
        "input_shape": input_shape(None, None, 3),
        "classes": classes,
        "classifier_activation": None,
        "filters": config.filters,
        "dropout": config.dropout,
        "skips": config.skip_names,
        "average_pooling": False,
        # Without a seed, the state of dropout on PyTorch cannot be saved.
        "seed": config.seed,
    }
    if len(config.scale_list) == 1:
        model = DeepLabLargeFOV(**common)
    else:
        model = DeepLabASC(
            scales=config.scale_list,
            merge=config.merge,
            extra_supervision=config.extra_supervision,
            attention_filters=config.attention_filters,
            **common,
        )
    load_weights(model, config.weights)
    return model


def load_weights(model: keras.Model, source: str) -> None:
    """Loads initial weights; weights that the source lacks stay random."""
    if source == "none":
        return
    if source == "hed":
        load_vgg16(model)
    elif source.lower().endswith(SUFFIXES):
        report = load_torch(model, source, strict=False)
        # Names of the five stages in Caffe, torchvision and the reference.
        stages = re.compile(r"(backbones?\.(\d\.)?)?(conv|features)\d?[._\d]")
        lost = [name for name in report.missing if stages.match(name)]
        if lost:
            raise ValueError(
                f"{source}: must be the weights of a VGG16 or DeepLab, but "
                f"{len(lost)} arrays of its convolutions are missing, such as "
                f"{lost[0]}"
            )
    else:
        _load_keras_weights(model, source)


def _load_keras_weights(model: keras.Model, source: str) -> None:
    try:
        model.load_weights(source)
    # Broken bytes can raise any exception in h5py and Keras.
    except Exception as problem:
        reason = " ".join(str(problem).split())[:300]
        raise ValueError(
            f"{source}: must be weights of this network in Keras' format, "
            f".weights.h5 or .keras ({reason})"
        ) from problem


def digest_of(source: str) -> str:
    """Returns a short digest of the initial weights."""
    if source == "hed":
        return HED_SHA256[:16]
    return saved.digest(source, "hed, none or a file")


def cut(model: keras.Model, config: Config) -> tuple[keras.Model, keras.Model]:
    """Splits a network in two after the convolutions of VGG16.

    Returns:
        A model from the image to the features of each scale, and a model
        from these features to the outputs. Both share layers with `model`.
    """
    tensors = []
    for scale in _scale_names(config):
        for source in (*config.skip_names, "stage5"):
            tensors.append(_tensor(model, source, scale))
    # The image itself may occur twice, at no cost.
    return keras.Model(model.input, tensors), keras.Model(tensors, model.output)


def _scale_names(config: Config) -> list[str | None]:
    if len(config.scale_list) == 1:
        return [None]
    return [f"scale_{scale:g}".replace(".", "_") for scale in config.scale_list]


def _tensor(
    model: keras.Model, source: str, scale: str | None
) -> keras.KerasTensor:
    if source != "image":
        name = source if scale is None else f"{source}_{scale}"
        return model.get_layer(name).output
    if scale in (None, "scale_1"):
        return model.input
    return model.get_layer(f"image_{scale}").output


def main_output(outputs: dict | keras.KerasTensor) -> keras.KerasTensor:
    """Returns the merged scores, also with extra supervision."""
    return outputs["merged"] if isinstance(outputs, dict) else outputs


@dataclasses.dataclass(frozen=True)
class Loaded(saved.Loaded):
    """Saved network with the colours of its classes."""

    palette: np.ndarray


def load_model(path: Path) -> Loaded:
    """Loads the model in the folder of a run, given the folder or file."""
    path = saved.model_file(path)
    facts, config = saved.facts_of(path, Config, ", which has the classes")
    names = facts["class_names"]
    file = path.parent / runs.FACTS
    palette = _palette(facts.get("palette"), len(names), file)
    model = saved.image_model(path)
    scores = main_output(model.output)
    found = keras.Model(model.input, scores)
    shape = tuple(scores.shape)
    if len(shape) != 4 or len(names) not in (shape[1], shape[3]):
        raise ValueError(
            f"{path}: the model has outputs {shape}, but its run has the "
            f"{len(names)} classes {names}"
        )
    return Loaded(found, names, config, path, palette)


def _palette(colours: Any, classes: int, path: Path) -> np.ndarray:
    """Returns the saved colours of the classes of a run."""
    try:
        found = np.array(colours)
        is_palette = found.shape == (classes, 3) and found.dtype.kind == "i"
    except ValueError:
        is_palette = False
    if not is_palette or found.min() < 0 or found.max() > 255:
        raise ValueError(
            f"{path}: not the facts of a run (palette must have a colour for "
            f"each class). {runs.REMEDY}"
        )
    return found.astype("uint8")
