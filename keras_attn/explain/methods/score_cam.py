import functools
from collections.abc import Sequence
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from keras_attn import backend
from keras_attn.checks import one_of, positive
from keras_attn.explain.methods.arguments import Layer, MapArguments
from keras_attn.explain.methods.base import ClassActivationMap
from keras_attn.explain.methods.evidence import Evidence
from keras_attn.explain.running.batches import in_batches
from keras_attn.explain.running.feature_maps import Place
from keras_attn.explain.running.inputs import Inputs
from keras_attn.explain.running.network import Network
from keras_attn.explain.running.targets import Target, best_class, pinned
from keras_attn.ops import heatmaps
from keras_attn.ops.interpolation import resize

MODES = ("paper", "official", "pytorch_grad_cam")


class ScoreCAM(ClassActivationMap):
    """Feature maps weighted by the scores of the images that they mask.

    `L = ReLU(sum_k w_k A^k)`. Each feature map, resized to the image and
    scaled to [0, 1], masks the image, and the score of the masked image
    determines its weight. The method needs no gradient, but a forward pass
    per channel.

    The paper and the public implementations differ:

    - `"paper"`: `w` is the softmax over the channels of the class scores
      (before the model's softmax). The paper first subtracts the score of a
      blank image. The softmax over the channels cancels it, so it is not
      computed.
    - `"official"`: `w_k` is the probability of the class, and the sum is
      resized before ReLU.
    - `"pytorch_grad_cam"`: like the paper, but masks are resized with aligned
      corners, and a channel without contrast counts as a blank image.

    A channel without contrast is not a mask. The first two modes leave it out
    of the sum, and no mode runs the model for it.

    Reference: Wang et al., "Score-CAM", CVPR workshops 2020,
        [arXiv:1910.01279](https://arxiv.org/abs/1910.01279), algorithm 1.

    Args:
        model: As for `keras_attn.explain.ClassActivationMap`.
        layer: As for `keras_attn.explain.ClassActivationMap`.
        mode: One of the above. Defaults to `"paper"`.
        top_k: Number of channels to use, as an approximation: those whose
            values vary most (standard deviation over the positions). `None`
            for all. Defaults to `None`.
        **kwargs: Arguments of `keras_attn.explain.ClassActivationMap`.

    Call arguments:
        batch_size: Also the number of masked images that are run at once,
            which bounds the memory.

    Raises:
        ValueError: If `mode` or `top_k` is invalid.

    Example:

    >>> inputs = keras.Input((32, 32, 3))
    >>> x = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    >>> x = keras.layers.GlobalAveragePooling2D()(x)
    >>> model = keras.Model(inputs, keras.layers.Dense(3)(x))
    >>> cam = keras_attn.explain.ScoreCAM(model, top_k=4)
    >>> cam(np.random.default_rng(0).random((2, 32, 32, 3))).shape
    (2, 32, 32)
    """

    uses_gradients = False

    def __init__(
        self,
        model: keras.Model | Network,
        layer: Layer = None,
        *,
        mode: str = "paper",
        top_k: int | None = None,
        **kwargs: Unpack[MapArguments],
    ) -> None:
        super().__init__(model, layer, **kwargs)
        self.mode = one_of("mode", mode, MODES)
        self.top_k = positive("top_k", top_k, optional=True)

    def evidence(
        self, inputs: Inputs, target: Target, places: Sequence[Place]
    ) -> Evidence:
        """Runs the model, and again on the masked images for the weights."""
        found = super().evidence(inputs, target, places)
        if target.function is best_class:
            target = pinned(found.classes)
        weights = [
            self._weights(inputs, target, features)[:, None, None]
            for features in found.features
        ]
        return found._replace(
            weights=[ops.convert_to_tensor(x, "float32") for x in weights]
        )

    def finish(self, maps: list[Any], size: tuple[int, int]) -> Any:
        if self.mode != "official":
            return super().finish(maps, size)
        maps = [ops.maximum(resize(each, size), 0.0) for each in maps]
        maps = [heatmaps.normalize(each) for each in maps]
        return heatmaps.normalize(sum(maps) / len(maps))

    def _weights(
        self, inputs: Inputs, target: Target, features: Any
    ) -> np.ndarray:
        """Returns `(batch, channels)`."""
        network = self.network
        kind = network.data_format, self.mode == "pytorch_grad_cam"
        mask = network.remembered(
            inputs,
            ("mask", *kind),
            lambda: backend.inference(functools.partial(_mask, *kind)),
        )
        chosen = self._channels(features)
        count, channels = chosen.shape
        rows, columns = np.nonzero(chosen)
        scores = np.full((count, channels), -np.inf)
        images = ops.convert_to_tensor(inputs.images)
        maps = ops.transpose(features, (0, 3, 1, 2))
        maps = ops.reshape(maps, (-1, *maps.shape[2:]))

        def score(pairs: np.ndarray, masks: Any, images: Any) -> np.ndarray:
            """Returns the scores of masked images."""
            masked = mask(masks, images)
            each = inputs.take(pairs).with_images(masked)
            official = self.mode == "official"
            return network.forward(
                each, target.take(pairs), probability=official
            ).scores

        if len(rows):

            def function(batch: np.ndarray) -> np.ndarray:
                row, column = rows[batch], columns[batch]
                masks = ops.take(maps, row * channels + column, axis=0)
                return score(row, masks, ops.take(images, row, axis=0))

            scores[rows, columns] = in_batches(
                len(rows), inputs.batch_size, function
            )
        if self.mode == "official":
            return np.where(chosen, scores, 0.0)
        if self.mode == "pytorch_grad_cam" and self.top_k is None:
            if not chosen.all():
                every = np.arange(count)
                blank = score(every, 0.0 * maps[:count], images)
                scores = np.where(chosen, scores, blank[:, None])
        highest = scores.max(axis=1, keepdims=True)
        # If no channel has contrast, all weights are 0.
        weights = np.exp(scores - np.where(np.isfinite(highest), highest, 0.0))
        return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-30)

    def _channels(self, features: Any) -> np.ndarray:
        """Returns a mask of the channels to use for each image."""
        high = ops.max(features, axis=(1, 2))
        low = ops.min(features, axis=(1, 2))
        chosen = ops.convert_to_numpy(high > low)
        if self.top_k is None or self.top_k >= chosen.shape[1]:
            return chosen
        spread = ops.convert_to_numpy(ops.var(features, axis=(1, 2)))
        last = np.argsort(-spread, axis=1, kind="stable")[:, self.top_k :]
        chosen = chosen.copy()
        np.put_along_axis(chosen, last, False, axis=1)
        return chosen


def _mask(data_format: str, corners: bool, maps: Any, images: Any) -> Any:
    """Multiplies images by maps, resized and scaled to [0, 1]."""
    first = data_format == "channels_first"
    size = images.shape[2:] if first else images.shape[1:3]
    masks = resize(maps, size, align_corners=corners)
    masks = heatmaps.normalize(masks, 1e-8 if corners else 1e-30)
    return images * ops.expand_dims(masks, 1 if first else 3)
