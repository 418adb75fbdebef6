"""Whether a model and data speak of the same classes."""


def check_classes(where: object, model: list[str], data: list[str]) -> None:
    """Checks that a model and data have the same classes.

    Raises:
        ValueError: If they do not, with `where`, the model's file.
    """
    if model != data:
        raise ValueError(
            f"{where}: the model has {len(model)} classes {model}, and the "
            f"data {len(data)} {data}"
        )
