"""Descriptions of the pictures of blocks, by the name of the block."""

from diagrams import channel, lanes, scenes, second_order
from diagrams.draw import draw as draw

PICTURES = {
    name.lower(): picture
    for module in (channel, lanes, second_order, scenes)
    for name, picture in vars(module).items()
    if name.isupper() and hasattr(picture, "flows")
}


def picture(name):
    """Returns the description of a picture.

    Raises:
        ValueError: If there is none of this name.
    """
    if name not in PICTURES:
        raise ValueError(
            f"A picture is one of {sorted(PICTURES)}. Received: {name!r}. "
            "Describe it in docs/_ext/diagrams"
        )
    return PICTURES[name]
