"""Records the numbers of one backend on disk, to compare with the others."""

import pathlib

import keras
import numpy as np

from tests.contracts.calls import outputs, outputs_and_gradients


def record(case, data_format, folder):
    """Saves the inputs, outputs, gradients and model of a case.

    NumPy draws inputs and weights, so they are the same on each backend.

    Returns:
        The name of the files, without extensions.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{case}-{data_format}"
    subject = case.subject(data_format)
    inputs = case.inputs(data_format)
    arrays = {f"inputs {i}": x for i, x in _numbered(inputs)}
    y, found = outputs_and_gradients(subject, inputs, data_format)
    arrays |= {f"outputs {i}": array for i, array in enumerate(y)}
    arrays |= {f"gradient of {key}": array for key, array in found.items()}
    np.savez(folder / f"{name}.npz", **arrays)
    case.as_model(subject, data_format).save(folder / f"{name}.keras")
    return name


def read(folder, name):
    """Returns the arrays of a case by name."""
    with np.load(pathlib.Path(folder) / f"{name}.npz") as archive:
        return dict(archive)


def run_saved(folder, name, arrays):
    """Returns the outputs of a saved model for recorded inputs, by name."""
    model = keras.models.load_model(pathlib.Path(folder) / f"{name}.keras")
    inputs = [arrays[f"inputs {i}"] for i in range(len(model.inputs))]
    found = outputs(model, inputs if len(inputs) > 1 else inputs[0])
    return {f"outputs {i}": y for i, y in enumerate(found)}


def _numbered(nest):
    return enumerate(keras.tree.flatten(nest))
