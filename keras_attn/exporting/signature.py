"""The inputs of a model, and random examples of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_attn.backend.protocol import Nest
from keras_attn.exporting.quiet import quiet

# For open sizes, tried in this order until the model runs.
_SIZES = (32, 64, 128, 224, 320)


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
        """Runs a model on random numbers.

        Returns:
            The inputs, in the structure of the model, and a list of outputs.
        """
        sizes = _SIZES if self.is_open else _SIZES[:1]
        inputs = None
        for size in sizes:
            inputs = self._draw(batch, size)
            try:
                with quiet():
                    outputs = model.predict_on_batch(inputs)
            except Exception as error:
                if size == sizes[-1]:
                    raise ValueError(
                        "The model must run in order to be exported. Received: "
                        f"model={model.name!r}, which failed on inputs of "
                        f"shape {self._shapes(inputs)}."
                    ) from error
                continue
            outputs = [np.asarray(y) for y in keras.tree.flatten(outputs)]
            if all(y.size and np.isfinite(y).all() for y in outputs):
                return inputs, outputs
        raise ValueError(
            "The outputs of the model must be finite, so that they can be "
            f"compared. Received: model={model.name!r}, which returns empty or "
            "infinite outputs, or NaN, for random inputs of shape "
            f"{self._shapes(inputs)}."
        )

    def _draw(self, batch: int, size: int) -> Nest:
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
            return random.normal(size=shape).astype(spec.dtype)

        return keras.tree.map_structure(draw, self.structure)

    def _shapes(self, inputs: Nest) -> str:
        shapes = [array.shape for array in keras.tree.flatten(inputs)]
        return ", ".join(map(str, shapes))


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
