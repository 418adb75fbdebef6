"""Deletion and insertion of pixels in the order of a heatmap."""

from typing import Any

import keras
import numpy as np

from keras_attn import backend
from keras_attn.checks import positive
from keras_attn.explain.measures.baselines import baselines
from keras_attn.explain.measures.heatmaps import checked_heatmaps
from keras_attn.explain.running.batches import in_batches
from keras_attn.explain.running.classes import fixed_target
from keras_attn.explain.running.network import Network


def deletion(
    model: keras.Model | Network,
    images: Any,
    heatmaps: Any,
    targets: Any = None,
    batch_size: int = 32,
    *,
    steps: int = 50,
    baseline: Any = 0.0,
    output: int | str | None = None,
    image: int | str | None = None,
    return_curve: bool = False,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Measures how fast a class is lost as its hottest pixels are removed.

    Computes the area under `p(k_s / hw)`, `s = 0 ... steps`, with the
    trapezoidal rule. `p` is the probability of the class after the baseline
    has replaced the `k_s = floor(s hw / steps)` hottest of `hw` pixels. Lower
    is better. Pixels of equal heat are replaced from top to bottom and from
    left to right.

    Reference: Petsiuk et al., "RISE", BMVC 2018,
        [arXiv:1806.07421](https://arxiv.org/abs/1806.07421), which replaces
        224 pixels per step.

    Args:
        model: A built `keras.Model`, or a `keras_attn.explain.Network` such
            as `cam.network`, which is not compiled again. If the model
            outputs scores, a softmax turns them into probabilities, or a
            sigmoid if there is only one.
        images: Batch of images as the model expects them, or several inputs
            that include images.
        heatmaps: `(n, height, width)` in [0, 1], of the images' size. Their
            values are ranked in float32.
        targets: As for the maps. `None` for the class with the highest score
            on the image. The score of a callable is used as the probability.
            Defaults to `None`.
        batch_size: Number of altered images that are run at once, which
            bounds the memory. Defaults to 32.
        steps: Number of steps in which pixels are replaced. Defaults to 50.
        baseline: The replacement for pixels: a number, `"blur"`, or an array
            that broadcasts to the images (a colour, an image, or one image
            each). `"blur"` is the image after a Gaussian (standard deviation
            5, 11 pixels wide, border repeated). Numbers are in the range of
            the model's input: `0.0` is grey if the mean was subtracted, and
            black otherwise. Defaults to `0.0`.
        output: Index or name of the output, if there are several.
        image: Index or name of the image to alter, if the model takes
            several images.
        return_curve: Whether to also return the curve `p`. Defaults to
            `False`.

    Returns:
        Areas `(n,)` in float64, in [0, 1] for probabilities. With
        `return_curve`, a tuple of the areas and the curves `(n, steps + 1)`.

    Raises:
        ValueError: If the images, heatmaps, targets, steps or baseline are
            invalid.

    Example:

    >>> inputs = keras.Input((8, 8, 1))
    >>> x = keras.layers.GlobalAveragePooling2D()(inputs)
    >>> outputs = keras.layers.Dense(1, kernel_initializer="ones")(x)
    >>> model = keras.Model(inputs, outputs)
    >>> images, heatmaps = np.zeros((1, 8, 8, 1)), np.zeros((1, 8, 8))
    >>> images[:, :4], heatmaps[:, :4] = 2.0, 1.0
    >>> right = keras_attn.explain.deletion(model, images, heatmaps)
    >>> wrong = keras_attn.explain.deletion(model, images, 1 - heatmaps)
    >>> right.round(2).tolist(), wrong.round(2).tolist()
    ([0.56], [0.68])
    """
    return _areas(
        (model, output, image),
        (images, heatmaps, targets, batch_size),
        steps,
        baseline,
        return_curve,
        inserted=False,
    )


def insertion(
    model: keras.Model | Network,
    images: Any,
    heatmaps: Any,
    targets: Any = None,
    batch_size: int = 32,
    *,
    steps: int = 50,
    baseline: Any = "blur",
    output: int | str | None = None,
    image: int | str | None = None,
    return_curve: bool = False,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Measures how fast a class appears as its hottest pixels are inserted.

    Computes the area under `p(k_s / hw)`, `s = 0 ... steps`, with the
    trapezoidal rule. `p` is the probability of the class after the
    `k_s = floor(s hw / steps)` hottest of `hw` pixels have been inserted into
    the baseline. Higher is better. Pixels of equal heat are inserted from top
    to bottom and from left to right.

    Reference: Petsiuk et al., "RISE", BMVC 2018,
        [arXiv:1806.07421](https://arxiv.org/abs/1806.07421), which inserts
        224 pixels per step.

    Args:
        model: As for `deletion`.
        images: As for `deletion`.
        heatmaps: `(n, height, width)` in [0, 1], of the images' size.
        targets: As for `deletion`. `None` for the class with the highest
            score on the image. Defaults to `None`.
        batch_size: Number of altered images that are run at once, which
            bounds the memory. Defaults to 32.
        steps: Number of steps in which pixels are inserted. Defaults to 50.
        baseline: The image into which pixels are inserted, as for `deletion`.
            Defaults to `"blur"`, as in the paper, since pixels on a plain
            colour create edges, which the model also sees.
        output: Index or name of the output, if there are several.
        image: Index or name of the image to alter, if the model takes
            several images.
        return_curve: Whether to also return the curve `p`. Defaults to
            `False`.

    Returns:
        Areas `(n,)` in float64, in [0, 1] for probabilities. With
        `return_curve`, a tuple of the areas and the curves `(n, steps + 1)`.

    Raises:
        ValueError: If the images, heatmaps, targets, steps or baseline are
            invalid.

    Example:

    >>> inputs = keras.Input((8, 8, 1))
    >>> x = keras.layers.GlobalAveragePooling2D()(inputs)
    >>> outputs = keras.layers.Dense(1, kernel_initializer="ones")(x)
    >>> model = keras.Model(inputs, outputs)
    >>> images, heatmaps = np.zeros((1, 8, 8, 1)), np.zeros((1, 8, 8))
    >>> images[:, :4], heatmaps[:, :4] = 2.0, 1.0
    >>> area, curve = keras_attn.explain.insertion(
    ...     model, images, heatmaps, steps=4, baseline=0.0, return_curve=True
    ... )
    >>> area.round(2).tolist(), curve.round(2).tolist()
    ([0.68], [[0.5, 0.62, 0.73, 0.73, 0.73]])
    """
    return _areas(
        (model, output, image),
        (images, heatmaps, targets, batch_size),
        steps,
        baseline,
        return_curve,
        inserted=True,
    )


@backend.apart
def _areas(
    subject: tuple[keras.Model | Network, int | str | None, int | str | None],
    given: tuple[Any, Any, Any, int],
    steps: int,
    baseline: Any,
    return_curve: bool,
    inserted: bool,
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    model, output, image = subject
    images, heatmaps, targets, batch_size = given
    network = Network.of(model, output, image=image)
    inputs = network.check(images, batch_size)
    heatmaps = checked_heatmaps(heatmaps, inputs)
    steps = positive("steps", steps)
    others = baselines(baseline, inputs)
    target = fixed_target(network, inputs, targets)
    ranks = np.stack([_ranks(heatmap) for heatmap in heatmaps])
    pixels = ranks[0].size
    counts = np.arange(steps + 1) * pixels // steps

    def function(pairs: np.ndarray) -> np.ndarray:
        rows, at = np.divmod(pairs, len(counts))
        hot = ranks[rows] < counts[at][:, None, None]
        part, seen = inputs.take(rows), inputs.over_channels(hot == inserted)
        mixed = np.where(seen, part.images, others[rows])
        return network.forward(
            part.with_images(mixed), target.take(rows), probability=True
        ).scores

    curves = in_batches(len(inputs) * len(counts), batch_size, function)
    curves = curves.astype("float64").reshape(len(inputs), -1)
    means = (curves[:, 1:] + curves[:, :-1]) / 2
    areas = means @ (np.diff(counts) / pixels)
    return (areas, curves) if return_curve else areas


def _ranks(heatmap: np.ndarray) -> np.ndarray:
    """Returns the rank of each pixel, 0 for the hottest."""
    ranks = np.empty(heatmap.size, "int32")
    order = np.argsort(-heatmap.reshape(-1), kind="stable")
    ranks[order] = np.arange(heatmap.size)
    return ranks.reshape(heatmap.shape)
