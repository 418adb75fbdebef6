"""Names expressions: `python -m applications.facial_expression.predict`."""

import argparse
from collections.abc import Sequence

import numpy as np

from applications.common import command
from applications.common.batches import Batches
from applications.common.images import read_files
from applications.common.parts import Part
from applications.common.saved import Loaded
from applications.facial_expression import parsers
from applications.facial_expression.model import load_model
from keras_attn.applications import fernet


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and predicts."""
    return command.run(parsers.predict(), _predict, argv)


def _predict(options: argparse.Namespace) -> None:
    loaded = load_model(options.model, options.class_names)
    images, sources = read_files(
        options.images, loaded.shape, options.skip_bad, options.workers
    )
    part = Part(images, np.zeros(len(images), "int64"), sources)
    predicted = probabilities(loaded, part, workers=options.workers)
    decoded = fernet.decode_predictions(
        predicted, options.top, loaded.class_names
    )
    for source, best in zip(sources, decoded, strict=True):
        for _, name, probability in best:
            print(f"{source}\t{name}\t{probability:.4f}")


def probabilities(
    loaded: Loaded, part: Part, batch_size: int = 32, workers: int = 1
) -> np.ndarray:
    """Returns an array `(images, classes)`, float32."""
    batches = Batches(
        part,
        batch_size,
        fernet.preprocess_input,
        data_format=loaded.data_format,
        workers=workers,
    )
    return np.asarray(loaded.model.predict(batches, verbose=0), "float32")


if __name__ == "__main__":
    raise SystemExit(main())
