"""Training that goes on exactly where a killed process left it."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np

from applications.common import files, runs, states


class ResumableTraining(keras.callbacks.Callback):
    """Writes the state of the training at the end of each epoch.

    The state has all variables of the model and the optimizer. Keras' weight
    files leave out the states of random generators, and its
    `BackupAndRestore` writes in place, so that a kill while it writes loses
    the run. Here the renaming of one small file, `state.json`, is the moment
    from which an epoch counts: all else is written before, the arrays under a
    new name. The log and the best model may be an epoch ahead after a kill;
    they are written again, the same, when that epoch is repeated.

    Args:
        folder: Folder of the run.
        epochs: Number of epochs of the whole run.
        monitor: Metric by which the best model is kept, where more is
            better, or `None` to keep the model of the last epoch.
        early_stopping: `EarlyStopping` to be brought back to its state, and
            to be given to `fit` before this callback, or `None`.
        kept: Model that is saved when it is to be kept, of which the one in
            training is a part, or `None` for the latter.
    """

    def __init__(
        self,
        folder: Path,
        epochs: int,
        monitor: str | None = None,
        early_stopping: keras.callbacks.EarlyStopping | None = None,
        kept: keras.Model | None = None,
    ):
        super().__init__()
        self.folder = folder
        self.epochs = epochs
        self.monitor = monitor
        self.early_stopping = early_stopping
        self.kept = kept
        self.state = states.read_state(folder, monitor)

    @property
    def history(self) -> list[dict[str, Any]]:
        """Of each whole epoch, what its row of the log says."""
        return self.state.history

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.state.finished

    def restore(self, model: keras.Model) -> int:
        """Loads the last whole epoch; returns how many there were.

        Raises:
            ValueError: If the file of the variables is damaged, is of another
                model, or holds numbers that are not finite. No variable has
                changed then.
        """
        if self.state.arrays is None:
            return 0
        path = self.folder / self.state.arrays
        named = _variables(model)
        shapes = [tuple(each.shape) for each in named.values()]
        arrays = states.read_arrays(path, shapes)
        _check_finite(
            model,
            dict(zip(named, arrays, strict=True)),
            f"{path}: cannot go on from this state",
        )
        for variable, array in zip(named.values(), arrays, strict=True):
            variable.assign(array)
        return len(self.history)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Shows the epochs that were to `EarlyStopping`, which forgets."""
        if self.early_stopping is not None:
            for epoch, row in enumerate(self.history):
                self.early_stopping.on_epoch_end(epoch, row)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Writes the model if it is to be kept, the log, and the state.

        Raises:
            ValueError: If the training has diverged. Nothing is written then:
                the files stay those of the epoch before.
        """
        arrays = _arrays(self.model)
        _check_finite(self.model, arrays, f"epoch {epoch + 1}: stopped")
        rate = keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)
        row = {name: float(value) for name, value in (logs or {}).items()}
        self.history.append(
            {"epoch": epoch + 1, "learning_rate": float(rate), **row}
        )
        self.state.finished = (
            self.model.stop_training or epoch + 1 == self.epochs
        )
        if self._is_kept(row):
            save_model(self.kept or self.model, self.folder / runs.MODEL)
        self._write_log()
        self.state.arrays = states.ARRAYS.format(epoch + 1)
        states.write_state(self.folder, self.state, arrays)

    def _is_kept(self, row: dict[str, float]) -> bool:
        if self.monitor is None:
            return self.finished
        value = row[self.monitor]
        best = self.state.best
        if best is not None and not value > best:
            return False
        if math.isnan(value):
            # Nothing would be above it. There has to be a model all the same.
            return not (self.folder / runs.MODEL).exists()
        self.state.best = value
        return True

    def _write_log(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.history[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.history)
        files.write_text(self.folder / runs.LOG, text.getvalue())


def build_all(
    model: keras.Model, labels: Any = None, scores: Any = None
) -> None:
    """Builds optimizer, loss and metrics of a compiled model.

    The optimizer, so that its state can be loaded. Loss and metrics, because
    `fit` would build them by a trial batch; with several workers Keras then
    hands the batches that were made after it to the first epoch, as many as
    were ready by chance.

    Args:
        model: The model.
        labels: Such as its loss takes; `None` for those of a classifier.
        scores: Such as its outputs are.
    """
    model.optimizer.build(model.trainable_variables)
    if labels is None:
        classes = model.output_shape[-1]
        labels = np.zeros(2, "int64")
        scores = keras.ops.full((2, classes), 1 / classes)
    model.compute_loss(y=labels, y_pred=scores)
    model.compute_metrics(None, labels, scores)
    model.reset_metrics()


def save_model(model: keras.Model, path: Path) -> None:
    """Writes a functional model, atomically and without its optimizer."""
    bare = keras.Model(model.input, model.output, name=model.name)
    with files.replacing(path) as partial:
        bare.save(partial)


def _variables(model: keras.Model) -> dict[str, Any]:
    both = [*model.variables, *model.optimizer.variables]
    return {f"{i}:{each.path}": each for i, each in enumerate(both)}


def _arrays(model: keras.Model) -> dict[str, np.ndarray]:
    return {
        name: keras.ops.convert_to_numpy(variable)
        for name, variable in _variables(model).items()
    }


def _check_finite(
    model: keras.Model, arrays: dict[str, np.ndarray], where: str
) -> None:
    """Checks weights and optimizer; metrics may be what they are."""
    both = [*model.weights, *model.optimizer.variables]
    counted = {id(each) for each in both}
    bad = [
        name
        for (name, array), variable in zip(
            arrays.items(), _variables(model).values(), strict=True
        )
        if id(variable) in counted and not np.isfinite(array).all()
    ]
    if bad:
        raise ValueError(
            f"{where}: {len(bad)} of its arrays hold NaN or infinity, such as "
            f"{bad[0].partition(':')[2]}; the training has diverged: take a "
            "lower --learning-rate, and --restart"
        )
