"""Training that resumes exactly where a killed process stopped."""

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
    files leave out the state of random generators, and `BackupAndRestore`
    writes in place, so that a kill while it writes loses the run. Here an
    epoch counts once one small file, `state.json`, has been renamed. All
    other files are written before, the arrays under a new name. After a kill,
    the log and the best model can be one epoch ahead. They are written again
    with the same content when that epoch is repeated.

    Args:
        folder: Folder of the run.
        epochs: Number of epochs of the whole run.
        monitor: Metric to choose the best model by, higher is better; `None`
            to save the model of the last epoch.
        early_stopping: `EarlyStopping` whose state is restored, or `None`. It
            must precede this callback in `fit`.
        kept: Model to save, if the trained model is only a part of it; `None`
            to save the trained model.
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
        """Row of the log for each complete epoch."""
        return self.state.history

    @property
    def finished(self) -> bool:
        """Whether the run is finished."""
        return self.state.finished

    def restore(self, model: keras.Model) -> int:
        """Loads the last complete epoch; returns the number of epochs.

        Raises:
            ValueError: If the file of the variables is damaged, belongs to
                another model, or contains NaN or infinity. No variable is
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
            f"{path}: cannot resume from this state",
        )
        for variable, array in zip(named.values(), arrays, strict=True):
            variable.assign(array)
        return len(self.history)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Replays the past epochs to `EarlyStopping`, which has no state."""
        if self.early_stopping is not None:
            for epoch, row in enumerate(self.history):
                self.early_stopping.on_epoch_end(epoch, row)

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Writes the log, the state and, if it is the best, the model.

        Raises:
            ValueError: If the training has diverged. Nothing is written then,
                and the files remain those of the previous epoch.
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
            # NaN must not become the best value, but a model has to be saved.
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
    """Builds the optimizer, loss and metrics of a compiled model.

    The optimizer is built so that its state can be loaded. Loss and metrics
    are built because `fit` would build them with a trial batch. With several
    workers, the first epoch would then start with a random number of the
    batches that were prepared after it.

    Args:
        model: The model.
        labels: Example labels for the loss; `None` for those of a classifier.
        scores: Example outputs of the model.
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
    """Checks the weights and the optimizer, but not the metrics."""
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
            f"{where}: {len(bad)} arrays contain NaN or infinity, such as "
            f"{bad[0].partition(':')[2]}. The training has diverged. Lower "
            "--learning-rate and start again with --restart"
        )
