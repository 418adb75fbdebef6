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
from applications.image_classification.loading import load_packaged

IMAGENET_NETWORK = "EfficientNet-Lite0, ImageNet's thousand classes"
FACES_NETWORK = "mini-XCEPTION from fer, seven expressions"
# Rows and columns of the face in the photograph.
FACE = slice(70, 195), slice(160, 285)
LFW_ROWS = (37, 51, 84)
# Layer of mini-XCEPTION with maps of 8 x 8.
FACES_LAYER = "add_3"
LAYERS = ("add_2", "add_3", "conv2d_7")


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
    """Shows all methods for one photograph."""
    return _photographs(
        "gallery_methods",
        "All methods",
        "A pooling and a linear classifier follow the last maps of this "
        "network, so CAM, Grad-CAM, XGradCAM and HiResCAM are the same map. "
        "EigenCAM does not depend on the class. Photograph: "
        "`skimage.data.chelsea()`, CC0 by Stefan van der Walt, resized to a "
        "square regardless of its aspect ratio.",
        ["chelsea"],
        methods,
    )


def objects(methods: list[str]) -> Section:
    """Shows a right and a wrong prediction."""
    return _photographs(
        "gallery_objects",
        "Right and wrong",
        "The network recognises the espresso, and all maps are highest on it. "
        "It mistakes the rocket for a drilling platform. All maps are highest "
        "on the rocket, and Grad-CAM and HiResCAM also mark the tower on the "
        "left. A map shows what supports an answer, right or wrong. "
        "Photographs: `skimage.data.coffee()`, CC0 by Rachel Michetti; "
        "`skimage.data.rocket()`, SpaceX, public domain. Both are resized to "
        "squares regardless of their aspect ratios.",
        ["coffee", "rocket"],
        methods,
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
            load_packaged("mini_xception"), _faces(), methods, FACES_LAYER
        ),
    )


def layers() -> Section:
    """Shows the maps of several layers for one face."""
    classifier, face = load_packaged("mini_xception"), _faces()[:1]
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


def private(methods: list[str]) -> Section:
    """Shows foolbox's photographs, which may not be published."""
    classifier = load_packaged("efficientnet_lite0")
    found = packaged.photographs()
    return Section(
        "photographs_private",
        "Photographs of ImageNet's classes",
        "Photographs from the package foolbox. Their copyright is unknown, so "
        "this picture must not be published.",
        IMAGENET_NETWORK,
        [
            f"{each.path.name}, {classifier.class_names[each.class_index]}"
            for each in found
        ],
        _explained(
            classifier,
            [read_image(each.path, classifier.shape) for each in found],
            methods,
        ),
    )


def _photographs(
    name: str, title: str, text: str, names: list[str], methods: list[str]
) -> Section:
    """Shows photographs of scikit-image to the network of ImageNet."""
    data = optional("skimage.data", "demo")
    images = [getattr(data, each)() for each in names]
    classifier = load_packaged("efficientnet_lite0")
    found = _explained(classifier, images, methods)
    return Section(name, title, text, IMAGENET_NETWORK, names, found)


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
