"""Tiles of equal size that cover a picture."""


def starts(length: int, tile: int, overlap: int = 0) -> list[int]:
    """Returns the starts of evenly spread tiles that cover a length.

    There are as few tiles as possible. The first starts at 0, and the last
    ends at the end. Neighbours overlap by at least `overlap` pixels.
    """
    if not 1 <= tile <= length:
        raise ValueError(
            f"--tile must be 1 to {length}, the shortest side of a part of the "
            f"maps. Received: {tile}"
        )
    count = 1 + -(-(length - tile) // (tile - overlap))
    return [i * (length - tile) // max(1, count - 1) for i in range(count)]
