"""Names expressions: `python -m applications.facial_expression.predict`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from applications.common import command
from applications.common.images import read_files
from applications.common.parts import Part
from applications.facial_expression import options as model_options


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and predicts."""
    parser = model_options.parser(
        "Prints the class of each image file and its probability, separated "
        "by tabs."
    )
    parser.add_argument("images", type=Path, nargs="+", help="image files")
    parser.add_argument(
        "--top", type=int, default=1, help="classes to print for each file"
    )
    return command.run(parser, _predict, argv)


def _predict(options: argparse.Namespace) -> None:
    # Late, because Keras reads the backend when it is imported.
    from applications.facial_expression.model import load_model
    from applications.facial_expression.predicting import probabilities
    from keras_attn.applications.fernet import decode_predictions

    loaded = load_model(options.model, options.class_names)
    images, sources = read_files(
        options.images, loaded.shape, options.skip_bad, options.workers
    )
    part = Part(images, np.zeros(len(images), "int64"), sources)
    predicted = probabilities(loaded, part, workers=options.workers)
    decoded = decode_predictions(predicted, options.top, loaded.class_names)
    for source, best in zip(sources, decoded, strict=True):
        for _, name, probability in best:
            print(f"{source}\t{name}\t{probability:.4f}")


if __name__ == "__main__":
    raise SystemExit(main())
