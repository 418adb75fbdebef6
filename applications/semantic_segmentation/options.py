"""What scores are averaged over, as options."""

import argparse


def add_test_scales(made: argparse.ArgumentParser) -> None:
    """Adds what scores are averaged over."""
    made.add_argument(
        "--test-scales",
        type=float,
        nargs="+",
        default=[1.0],
        help="factors at which the network sees a picture",
    )
    made.add_argument(
        "--flip", action="store_true", help="show it the mirror image too"
    )


def check_test_scales(options: argparse.Namespace) -> None:
    """Checks what scores are averaged over."""
    if not all(0 < scale <= 8 for scale in options.test_scales):
        raise ValueError(
            "--test-scales must be above 0 and at most 8; they are "
            f"{options.test_scales}"
        )
