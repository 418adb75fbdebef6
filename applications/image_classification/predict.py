"""Names what is in images: `-m applications.image_classification.predict`."""

import argparse
from collections.abc import Sequence

from applications.common import command
from applications.common.images import image_files, read_files
from applications.image_classification import parsers
from applications.image_classification.loading import load_classifier


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and predicts."""
    return command.run(parsers.predict(), _predict, argv)


def _predict(options: argparse.Namespace) -> None:
    parsers.check_positive(options, "top", "batch_size")
    paths = image_files(options.images)
    classifier = load_classifier(
        options.model, options.size, options.input_range
    )
    images, sources = read_files(
        paths, classifier.shape, options.skip_bad, options.workers
    )
    found = classifier.predict(images, options.batch_size)
    names = classifier.class_names(options.class_names, found.shape[1])
    for source, row in zip(sources, found, strict=True):
        for best in (-row).argsort(kind="stable")[: options.top]:
            print(f"{source}\t{names[best]}\t{row[best]:.4f}")


if __name__ == "__main__":
    raise SystemExit(main())
