"""Names of classes, and the class that an option selects."""

from collections.abc import Sequence
from pathlib import Path


def class_names(given: Sequence[str] | None, count: int) -> list[str]:
    """Returns a name for each class.

    Args:
        given: The names, or one file with a name on each line; `None` for
            indices.
        count: Number of classes.
    """
    if given is None:
        return [str(index) for index in range(count)]
    names, source = list(given), "--class-names"
    if len(names) == 1 and (count > 1 or Path(names[0]).is_file()):
        source = names[0]
        try:
            text = Path(source).read_text(encoding="utf-8")
        except UnicodeDecodeError as problem:
            raise ValueError(
                f"{source}: must be a UTF-8 text file"
            ) from problem
        lines = (line.strip() for line in text.splitlines())
        names = [line for line in lines if line]
    if len(names) != count:
        raise ValueError(
            f"{source}: must have a name for each of the {count} classes of "
            f"the model. Received: {len(names)} names"
        )
    return names


def class_index(target: str, names: Sequence[str]) -> int:
    """Returns the index of a class that is given by its name or index."""
    found = [index for index, name in enumerate(names) if name == target]
    if len(found) > 1:
        raise ValueError(
            f"--target must be the name of a single class. Received: {target}, "
            f"the name of the classes {found}. Pass the index"
        )
    if found:
        return found[0]
    if target.isdecimal() and int(target) < len(names):
        return int(target)
    raise ValueError(
        f"--target must be the name of a class, or an index from 0 to "
        f"{len(names) - 1}. Received: {target}"
    )
