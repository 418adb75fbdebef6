"""Suppresses the output of exporters."""

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppresses warnings, log records and printed output in a context."""
    disabled = logging.root.manager.disable
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(disabled)


def shortened(error: Exception, length: int = 300) -> str:
    """Returns the start of a message, on one line and without colours."""
    text = " ".join(re.sub(r"\x1b\[\d+m", "", str(error)).split())
    return text if len(text) <= length else f"{text[:length]}..."
