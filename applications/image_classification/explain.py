"""Where a classifier looks: `-m applications.image_classification.explain`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from applications.common import command, runs
from applications.common.extras import optional
from applications.common.images import image_files, read_files
from applications.image_classification import options as own_options
from applications.image_classification.source import evenly, read_part

if TYPE_CHECKING:
    from applications.image_classification.loading import Classifier

ENDINGS = (".png", ".svg", ".pdf")
NAME = "explain.png"


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and explains."""
    parser = own_options.parser(
        "Draws, for any saved classifier, where in the images its answer comes "
        "from, with the true class, where it is known, and the predicted one; "
        "prints for each image the class that is explained, its probability, "
        "and the row and column where each map is highest, in "
        "pixels of the image as the model sees it."
    )
    command.add_source(parser)
    command.add_output(
        parser,
        "the drawing, .png, .svg or .pdf; of more than 16 images several, "
        "with numbers",
        NAME,
    )
    return command.run(parser, _explain, own_options.joined(argv))


def _explain(options: argparse.Namespace) -> None:
    # Late, because Keras reads the backend when it is imported.
    from applications.image_classification import explaining
    from applications.image_classification.loading import load_classifier

    output = options.output or runs.folder_of(options.model) / NAME
    if output.suffix.lower() not in ENDINGS:
        raise ValueError(f"{output}: --output must end in one of {ENDINGS}")
    own_options.check_positive(options, "limit", "batch_size")
    # Before the work, not after it.
    optional("matplotlib.figure", "images")
    paths = options.images and image_files(options.images)
    classifier = load_classifier(
        options.model, options.size, options.input_range
    )
    true = None
    if paths:
        images, sources = _of_files(paths, classifier, options)
    else:
        part, names = read_part(classifier, options)
        part = evenly(part, options.limit)
        images, sources = part.images, part.sources
        true = [names[label] for label in part.labels]
    found = explaining.explain_images(
        classifier,
        images,
        options.method,
        options.layer,
        names=options.class_names,
        target=options.target,
        batch_size=options.batch_size,
        aug_smooth=options.aug_smooth,
        eigen_smooth=options.eigen_smooth,
    )
    written = explaining.draw(found, output, true)
    for row, source in enumerate(sources):
        source = source if true is None else f"{source}, {true[row]}"
        print(
            f"{source}\t{found.names[row]}\t"
            f"{found.probabilities[row]:.4f}\t{found.peaks(row)}"
        )
    for path in written:
        print(f"wrote {path}")


def _of_files(
    paths: Sequence[Path], classifier: "Classifier", options: argparse.Namespace
) -> tuple[np.ndarray, list[str]]:
    """Returns the images that can be read, and their files."""
    if len(paths) > options.limit:
        print(f"the first {options.limit} of {len(paths)} images, see --limit")
        paths = paths[: options.limit]
    return read_files(
        paths, classifier.shape, options.skip_bad, options.workers
    )


if __name__ == "__main__":
    raise SystemExit(main())
