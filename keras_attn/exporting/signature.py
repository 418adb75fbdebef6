"""The inputs of a model, and random examples of them."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_attn.backend.protocol import Nest
from keras_attn.exporting.quiet import quiet

# For open sizes, tried in this order until the model runs.
_SIZES = (32, 64, 128, 224, 320)

# Standard deviations, tried in this order until the outputs depend on the
# inputs: a softmax can return exactly 0 and 1 for all large ones.
_SCALES = (1.0, 0.1, 0.01, 100.0)


@dataclass(frozen=True)
class Signature:
    """The inputs of a model.

    Args:
        structure: Nest of `keras.InputSpec`, in the structure of the inputs.
    """

    structure: Any

    @property
    def specs(self) -> list[keras.InputSpec]:
        """The specifications of the inputs, in order."""
        return keras.tree.flatten(self.structure)

    @property
    def names(self) -> list[str]:
        """The names of the inputs, in order."""
        return [s.name or f"input_{i}" for i, s in enumerate(self.specs)]

    @property
    def is_open(self) -> bool:
        """Whether any size other than the batch is unknown."""
        return any(None in spec.shape[1:] for spec in self.specs)

    def arrays(self, inputs: Nest) -> list[np.ndarray]:
        """Returns the arrays of a nest of inputs, in the order of `specs`."""
        return keras.tree.flatten(inputs)

    def run(
        self, model: keras.Model, batch: int
    ) -> tuple[Nest, list[np.ndarray]]:
        """Runs a model on random numbers that its outputs depend on.

        Warns if there are none, since any file would then seem to be right.

        Returns:
            The inputs, in the structure of the model, and a list of outputs.
        """
        best = self._run(model, batch, _SCALES[0])
        largest = _sensitivity(model, *best)
        for scale in _SCALES[1:]:
            if largest > 1e-2:
                break
            try:
                found = self._run(model, batch, scale)
            except ValueError:
                continue
            sensitivity = _sensitivity(model, *found)
            if sensitivity > largest:
                best, largest = found, sensitivity
        if largest < 1e-6:
            warnings.warn(
                f"An output of the model {model.name!r} hardly depends on "
                "random inputs. Its comparison with the exported model says "
                "nothing: compare both on your own inputs.",
                # At the caller of `export`.
                stacklevel=3,
            )
        return best

    def _run(
        self, model: keras.Model, batch: int, scale: float
    ) -> tuple[Nest, list[np.ndarray]]:
        sizes = _SIZES if self.is_open else _SIZES[:1]
        inputs = None
        for size in sizes:
            inputs = self._draw(batch, size, scale)
            try:
                outputs = _outputs(model, inputs)
            except Exception as error:
                if size == sizes[-1]:
                    raise ValueError(
                        "The model must run in order to be exported. Received: "
                        f"model={model.name!r}, which failed on inputs of "
                        f"shape {self._shapes(inputs)}."
                    ) from error
                continue
            if all(y.size and np.isfinite(y).all() for y in outputs):
                return inputs, outputs
        raise ValueError(
            "The outputs of the model must be finite, so that they can be "
            f"compared. Received: model={model.name!r}, which returns empty or "
            "infinite outputs, or NaN, for random inputs of shape "
            f"{self._shapes(inputs)}."
        )

    def _draw(self, batch: int, size: int, scale: float) -> Nest:
        """Draws random inputs, with open sizes that depend on the batch."""
        random = np.random.default_rng(batch)

        def draw(spec: keras.InputSpec) -> np.ndarray:
            count = 0
            shape = [batch]
            for side in spec.shape[1:]:
                if side is None:
                    # Not square, and different for both batches.
                    side = size + 8 * ((count + batch) % 3)
                    count += 1
                shape.append(side)
            return random.normal(scale=scale, size=shape).astype(spec.dtype)

        return keras.tree.map_structure(draw, self.structure)

    def _shapes(self, inputs: Nest) -> str:
        shapes = [array.shape for array in keras.tree.flatten(inputs)]
        return ", ".join(map(str, shapes))


def _outputs(model: keras.Model, inputs: Nest) -> list[np.ndarray]:
    with quiet():
        outputs = model.predict_on_batch(inputs)
    return [np.asarray(y) for y in keras.tree.flatten(outputs)]


def _sensitivity(
    model: keras.Model, inputs: Nest, outputs: list[np.ndarray]
) -> float:
    """Returns how much the outputs change if the inputs change by 5%.

    It is the largest change relative to the largest number, of the output for
    which it is smallest.
    """
    random = np.random.default_rng(0)

    def change(x: np.ndarray) -> np.ndarray:
        noise = random.normal(scale=0.05 * x.std(), size=x.shape)
        return x + noise.astype(x.dtype)

    others = _outputs(model, keras.tree.map_structure(change, inputs))
    return min(
        float(np.abs(y - other).max() / (np.abs(y).max() or 1.0))
        for y, other in zip(outputs, others, strict=True)
    )


def read_signature(model: keras.Model) -> Signature:
    """Returns the signature of a built model."""
    if isinstance(model, keras.Sequential):
        structure = model.inputs[0]
    elif getattr(model, "inputs", None):
        structure = model.input
    else:
        return Signature(_of_subclass(model))
    return Signature(
        keras.tree.map_structure(
            lambda x: _spec(
                x.shape, keras.backend.standardize_dtype(x.dtype), x.name
            ),
            structure,
        )
    )


def _of_subclass(model: keras.Model) -> Nest:
    """Returns the structure of the inputs that a subclass was built with."""
    config = model.get_build_config() or {}
    if "input_shape" not in config or config["input_shape"] is None:
        raise ValueError(
            "A subclassed model must have been called on one argument, an "
            "array or a nest of arrays, to be exported. Received: "
            f"model={model.name!r} with {sorted(config) or 'no shapes'}. Call "
            "it on an example first: model(inputs)."
        )

    def convert(shape: Any) -> Nest:
        if isinstance(shape, dict):
            return {key: convert(each) for key, each in shape.items()}
        if all(side is None or isinstance(side, int) for side in shape):
            return _spec(shape, model.input_dtype, None)
        return type(shape)(map(convert, shape))

    return convert(config["input_shape"])


def _spec(
    shape: Sequence[int | None], dtype: Any, name: str | None
) -> keras.InputSpec:
    return keras.InputSpec(dtype, (None, *shape[1:]), name=name)
