import dataclasses

import keras
import numpy as np
import pytest

from applications.common import resume, runs, training
from applications.common.batches import OrderedBatches
from applications.common.settings import Settings

pytestmark = pytest.mark.each_backend

CONFIG = Settings(epochs=3, batch_size=4, seed=5)


class Recorded(OrderedBatches):
    """Batches of noise that record the requested epochs."""

    def __init__(self):
        super().__init__(12, 4, seed=0)
        self.epochs = []

    def __getitem__(self, index):
        self.epochs.append(self.epoch)
        x = np.random.default_rng(0).random((12, 3), "float32")
        return x[self.order[index]], np.arange(12)[self.order[index]] % 2


class Stopped(keras.callbacks.Callback):
    """Simulates a killed process in the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise InterruptedError


class Task:
    """Prepares a training, and records the calls."""

    def __init__(self, folder, *callbacks):
        self.folder = folder
        self.callbacks = callbacks
        self.calls = []

    def prepare(self, state):
        self.calls.append("prepare")
        self.state = state
        image = keras.Input((3,))
        x = keras.layers.Dense(2, "softmax", dtype="float32")(image)
        self.model = keras.Model(image, x)
        self.start = self.model.get_weights()[0]
        self.model.compile("sgd", "sparse_categorical_crossentropy")
        resume.build_all(self.model)
        self.kept = keras.Model(image, keras.layers.Rescaling(2.0)(x))
        self.batches = Recorded()
        return training.Prepared(
            self.model,
            self.batches,
            callbacks=self.callbacks,
            kept=self.kept,
            begin=lambda: self.calls.append("begin"),
        )

    def train(self, config=CONFIG, **run):
        run = training.Run(self.folder, verbose=0, **run)
        facts = {"class_names": ["a", "b"]}
        return training.train(config, facts, run, self.prepare)


def test_each_epoch_has_its_own_order(tmp_path):
    task = Task(tmp_path)
    task.train()
    # TensorFlow requests some more at the start, to find their shapes.
    assert task.batches.epochs[-9:] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_run_begins_once_and_goes_on(tmp_path, capsys):
    first = Task(tmp_path, Stopped())
    with pytest.raises(InterruptedError):
        first.train()
    assert first.calls == ["prepare", "begin"]
    second = Task(tmp_path)
    result = second.train()
    assert second.calls == ["prepare"]
    assert second.batches.epochs[-6:] == [1, 1, 1, 2, 2, 2]
    assert not result.was_finished and len(result.history) == 3
    assert capsys.readouterr().out == "resuming after epoch 1 of 3\n"


def test_nothing_is_prepared_for_a_finished_run(tmp_path):
    expected = Task(tmp_path).train().history
    task = Task(tmp_path)
    result = task.train()
    assert result.was_finished and result.history == expected
    assert not task.calls


def test_facts_are_settings_those_of_the_task_and_the_backend(tmp_path):
    Task(tmp_path).train()
    assert runs.read(tmp_path) == {
        "settings": CONFIG.to_dict(),
        "class_names": ["a", "b"],
        "backend": keras.backend.backend(),
    }
    other = dataclasses.replace(CONFIG, seed=6)
    with pytest.raises(ValueError, match="seed is 5 there and 6 here"):
        Task(tmp_path).train(other)
    assert not Task(tmp_path).train(other, restart=True).was_finished


def test_the_seed_decides_the_weights(tmp_path):
    starts = []
    for number, seed in enumerate((5, 5, 6)):
        task = Task(tmp_path / str(number))
        task.train(dataclasses.replace(CONFIG, seed=seed))
        starts.append(task.start)
    np.testing.assert_array_equal(starts[0], starts[1])
    assert np.abs(starts[0] - starts[2]).max() > 0.01


def test_the_whole_of_which_a_part_is_trained_is_kept(tmp_path):
    task = Task(tmp_path)
    task.train()
    x = np.ones((1, 3), "float32")
    found = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        found.predict(x, verbose=0),
        2 * task.model.predict(x, verbose=0),
        rtol=1e-6,
    )


def test_precision_is_set_if_it_is_asked_for(tmp_path):
    Task(tmp_path / "a").train()
    assert keras.config.dtype_policy().name == "float32"
    config = dataclasses.replace(CONFIG, mixed_precision="bfloat16")
    Task(tmp_path / "b").train(config)
    assert keras.config.dtype_policy().name == "mixed_bfloat16"
