"""How to install the optional dependencies."""


def how_to_install(extra: str) -> str:
    """Returns the command that installs an extra, for error messages."""
    # There is no release on PyPI yet, so only a clone has these extras.
    return f'pip install -e ".[{extra}]" in a clone of keras_attn'
