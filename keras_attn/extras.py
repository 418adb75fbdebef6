"""How to install what not every user has."""


def how_to_install(extra: str) -> str:
    """Returns the command that brings an extra, for messages."""
    # No release is on the index yet: only a clone has these extras.
    return f'pip install -e ".[{extra}]" in a clone of keras_attn'
