"""A short training that can kill itself: `tiny_run.py FOLDER MOMENT ...`.

It has everything whose state can be lost: random layers, batch
normalisation, a schedule, Adam and early stopping.
"""

import json
import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np

from applications.common import files, resume
from applications.common.batches import Batches, StartEpochs
from applications.common.parts import Part

EPOCHS = 12


def part(seed):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (12, 6, 6, 1), "uint8")
    return Part(images, rng.integers(0, 2, 12), [""] * 12)


def model():
    image = x = keras.Input((6, 6, 1))
    x = keras.layers.GaussianNoise(0.1, seed=1)(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dropout(0.3, seed=2)(keras.layers.Dense(8)(x))
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dense(2, "softmax", dtype="float32")(x)
    made = keras.Model(image, x)
    made.compile(
        keras.optimizers.Adam(
            keras.optimizers.schedules.CosineDecay(0.03, 3 * EPOCHS)
        ),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return made


def run(folder, callbacks=(), epochs=EPOCHS, workers=1):
    """Trains or resumes; returns the rows."""
    keras.utils.set_random_seed(0)
    made = model()
    resume.build_all(made)

    def scaled(images):
        return images.astype("float32") / 255

    batches = Batches(part(1), 4, scaled, seed=0, workers=workers)
    stopping = keras.callbacks.EarlyStopping(
        "val_accuracy", mode="max", patience=3
    )
    training = resume.ResumableTraining(
        folder, EPOCHS, "val_accuracy", stopping
    )
    made.fit(
        batches,
        validation_data=Batches(part(2), 4, scaled),
        initial_epoch=training.restore(made),
        epochs=epochs,
        callbacks=[StartEpochs(batches), stopping, training, *callbacks],
        shuffle=False,
        verbose=0,
    )
    return training.history


def die():
    os.kill(os.getpid(), signal.SIGKILL)


class DieInEpoch(keras.callbacks.Callback):
    """Dies after the second batch of the third epoch."""

    def __init__(self):
        super().__init__()
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (2, 1):
            die()


def die_in_arrays():
    """Dies with half of the second epoch's arrays written."""
    whole = np.savez

    def half(path, **arrays):
        whole(path, **arrays)
        if path.name == "partial-state-0002.npz":
            os.truncate(path, path.stat().st_size // 2)
            die()

    np.savez = half


def die_before_commit():
    """Dies after the second epoch's arrays, before the rename."""
    replace = os.replace

    def last(old, new):
        if (
            new.name == "state.json"
            and new.with_name("state-0002.npz").exists()
        ):
            die()
        replace(old, new)

    files.os.replace = last


def killed(folder, moment):
    """Runs in a forked process, and checks that it kills itself.

    This process must not have computed anything, since a fork loses threads.

    Returns:
        The names of the files that remain.
    """
    process = os.fork()
    if process == 0:
        if moment == "arrays":
            die_in_arrays()
        elif moment == "commit":
            die_before_commit()
        run(folder, [DieInEpoch()] if moment == "epoch" else [])
        os._exit(0)
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, moment
    return sorted(path.name for path in folder.iterdir())


if __name__ == "__main__":
    _, folder, *moments = sys.argv
    print(json.dumps([killed(Path(folder), moment) for moment in moments]))
