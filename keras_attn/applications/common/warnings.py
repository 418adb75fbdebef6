"""Warnings that point at the code of the user."""

import inspect
import os
import warnings

import keras

from keras_attn.weights.report import Report

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))


def warn(message: str) -> None:
    """Warns at the line outside of this package that led here."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and _is_ours(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    # The first level is this function itself.
    warnings.warn(message, UserWarning, stacklevel=level)


def warn_of_new_classifier(
    report: Report, model: keras.Model, name: str
) -> None:
    """Warns if a classifier keeps its initial values.

    Args:
        report: The report of what was loaded.
        model: The model.
        name: Name or path of the weights.
    """
    new = report.skipped or report.missing
    if not new:
        return
    reason = (
        "are for another number of classes"
        if report.skipped
        else "have no classifier"
    )
    warn(
        f"The weights {name!r} {reason}. The classifier of `{model.name}` "
        f"with {model.output.shape[-1]} classes keeps its initial values "
        f"({', '.join(new)}), and everything else was loaded. Train it before "
        "you use its outputs"
    )


def _is_ours(path: str) -> bool:
    return os.path.abspath(path).startswith(_PACKAGE + os.sep)
