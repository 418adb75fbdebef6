"""Where a classifier looks: `-m applications.image_classification.explain`."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from applications.common import command
from applications.common.extras import optional
from applications.common.images import read_images
from applications.common.problems import Problems
from applications.image_classification import options as own_options

ENDINGS = (".png", ".svg", ".pdf")


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and explains."""
    parser = own_options.parser(
        "Draws, for any saved classifier, where in the images its answer comes "
        "from, and prints for each image the class that is explained, its "
        "probability, and the row and column where each map is highest, in "
        "pixels of the image as the model sees it."
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("runs/image_classification/explain.png"),
        help="the drawing, .png, .svg or .pdf",
    )
    return command.run(parser, _explain, own_options.joined(argv))


def _explain(options: argparse.Namespace) -> None:
    # Late, because Keras reads the backend when it is imported.
    from applications.image_classification import explaining
    from applications.image_classification.loading import load_classifier

    if options.output.suffix.lower() not in ENDINGS:
        raise ValueError(
            f"{options.output}: --output must end in one of {ENDINGS}"
        )
    for name in ("limit", "batch_size"):
        if getattr(options, name) < 1:
            name = name.replace("_", "-")
            raise ValueError(f"--{name} must be 1 or more")
    # Before the work, not after it.
    optional("matplotlib.figure", "images")
    paths = image_files(options.images)
    classifier = load_classifier(
        options.model, options.size, options.input_range
    )
    if options.input_range is None:
        print(f"input range {classifier.input_range}, see --input-range")
    if len(paths) > options.limit:
        print(f"the first {options.limit} of {len(paths)} images, see --limit")
        paths = paths[: options.limit]
    problems = Problems(options.skip_bad)
    images, kept = read_images(
        paths, classifier.shape, problems, options.workers
    )
    problems.report()
    if not kept:
        raise ValueError("none of the files is an image")
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
    explaining.draw(found, options.output)
    for row, index in enumerate(kept):
        print(
            f"{paths[index]}\t{found.names[row]}\t"
            f"{found.probabilities[row]:.4f}\t{found.peaks(row)}"
        )
    print(f"wrote {options.output}")


def image_files(given: Sequence[Path]) -> list[Path]:
    """Returns files as they are given, and all that are in a folder."""
    found: list[Path] = []
    for path in given:
        if not path.is_dir():
            found.append(path)
            continue
        # Files such as .DS_Store and Thumbs.db come with folders of images.
        inside = [
            each
            for each in sorted(path.rglob("[!.]*"))
            if each.is_file() and each.name != "Thumbs.db"
        ]
        if not inside:
            raise ValueError(f"{path}: the folder has no images")
        found += inside
    return found


if __name__ == "__main__":
    raise SystemExit(main())
