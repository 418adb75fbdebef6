"""Names what is in images: `-m applications.image_classification.predict`."""

import argparse
from collections.abc import Sequence

from applications.common import command
from applications.common.images import image_files, read_files
from applications.image_classification import options as own_options


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and predicts."""
    parser = own_options.model_parser(
        "Prints the most probable classes of each image, for any saved "
        "classifier: file, class and probability, separated by tabs."
    )
    own_options.add_images(parser)
    parser.add_argument(
        "--top", type=int, default=1, help="classes to print for each file"
    )
    return command.run(parser, _predict, own_options.joined(argv))


def _predict(options: argparse.Namespace) -> None:
    # Late, because Keras reads the backend when it is imported.
    from applications.image_classification.loading import load_classifier

    own_options.check_positive(options, "top", "batch_size")
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
