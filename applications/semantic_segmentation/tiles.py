"""Pieces of equal size that cover a picture."""


def starts(length: int, tile: int, overlap: int = 0) -> list[int]:
    """Returns where tiles begin that cover a length, evenly spread.

    As few as there can be; the first begins at 0, and the last one ends where
    the length does. Neighbours share `overlap` pixels or more.
    """
    if not 1 <= tile <= length:
        raise ValueError(
            f"--tile must be 1 to {length}, since a part of the maps has no "
            f"more pixels on a side; it is {tile}"
        )
    count = 1 + -(-(length - tile) // (tile - overlap))
    return [i * (length - tile) // max(1, count - 1) for i in range(count)]
