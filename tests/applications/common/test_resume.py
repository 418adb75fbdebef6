import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest

from applications.common import resume
from tests import alone
from tests.applications.common import tiny_run


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, tiny_run.run(folder)


def kill(folder, *moments):
    """Runs until it is killed; returns the files after each kill."""
    done = subprocess.run(
        [sys.executable, "-m", tiny_run.__name__, str(folder), *moments],
        env=alone(keras.backend.backend()),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def variables(model):
    both = [*model.variables, *model.optimizer.variables]
    return [keras.ops.convert_to_numpy(each) for each in both]


def test_the_same_start_gives_the_same_numbers(uninterrupted, tmp_path):
    assert tiny_run.run(tmp_path) == uninterrupted[1]


def test_workers_do_not_change_the_numbers(uninterrupted, tmp_path):
    assert tiny_run.run(tmp_path, workers=3) == uninterrupted[1]


def test_killed_at_any_moment_it_ends_as_if_it_had_not_been(
    uninterrupted, tmp_path
):
    whole, history = uninterrupted
    # Otherwise early stopping would not be tested.
    assert 4 <= len(history) < tiny_run.EPOCHS
    arrays, commit, _ = kill(tmp_path, "arrays", "commit", "epoch")
    assert "partial-state-0002.npz" in arrays
    assert {"state-0001.npz", "state-0002.npz"} <= {*commit}
    assert (
        len(json.loads((tmp_path / "state.json").read_text())["history"]) == 2
    )
    assert tiny_run.run(tmp_path) == history
    for name in ("log.csv", "state.json"):
        assert (tmp_path / name).read_text() == (whole / name).read_text()
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == sorted(each.name for each in whole.iterdir())
    first, second = (
        keras.saving.load_model(folder / "model.keras").get_weights()
        for folder in (whole, tmp_path)
    )
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_all_variables_come_back(tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    tiny_run.run(tmp_path, epochs=1)
    model = tiny_run.model()
    resume.build_all(model)
    before = variables(model)
    training = resume.ResumableTraining(tmp_path, tiny_run.EPOCHS)
    assert training.restore(model) == 1
    with np.load(tmp_path / "state-0001.npz") as stored:
        names = stored.files
        after = [stored[name] for name in names]
    changed = []
    for name, old, new, now in zip(
        names, before, after, variables(model), strict=True
    ):
        np.testing.assert_array_equal(new, now)
        if (old != new).any():
            changed.append(name)
    for part in ("seed_generator_state", "moving_mean", "iteration"):
        assert any(part in name for name in changed)


def test_the_log_has_a_row_for_each_epoch(uninterrupted):
    folder, history = uninterrupted
    lines = (folder / "log.csv").read_text().splitlines()
    assert lines[0].startswith("epoch,learning_rate,accuracy,loss,val_")
    rows = [int(line.split(",")[0]) for line in lines[1:]]
    assert rows == list(range(1, len(history) + 1))
    rates = [row["learning_rate"] for row in history]
    assert rates == sorted(rates, reverse=True) and rates[-1] < rates[0]


def test_the_best_model_is_kept_by_the_validation(uninterrupted):
    folder, history = uninterrupted
    best = max(row["val_accuracy"] for row in history)
    model = keras.saving.load_model(folder / "model.keras")
    held = tiny_run.part(2)
    predicted = model.predict(held.images / np.float32(255), verbose=0)
    found = np.mean(predicted.argmax(axis=1) == held.labels)
    assert found == pytest.approx(best)


def test_a_state_of_another_model_is_refused(tmp_path):
    tiny_run.run(tmp_path, epochs=1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    model.optimizer.build(model.trainable_variables)
    training = resume.ResumableTraining(tmp_path, tiny_run.EPOCHS)
    with pytest.raises(ValueError, match="not those of this model.*--restart"):
        training.restore(model)


def test_a_state_whose_arrays_are_gone_is_refused(tmp_path):
    tiny_run.run(tmp_path, epochs=1)
    (tmp_path / "state-0001.npz").unlink()
    training = resume.ResumableTraining(tmp_path, tiny_run.EPOCHS)
    with pytest.raises(ValueError, match="state-0001.npz: cannot resume"):
        training.restore(tiny_run.model())


def spoil(folder, name, value):
    """Writes a value into one of the arrays of a state."""
    path = folder / "state-0001.npz"
    with np.load(path) as stored:
        arrays = {each: stored[each] for each in stored.files}
    (key,) = [each for each in arrays if name in each][:1]
    arrays[key] = np.full_like(arrays[key], value)
    np.savez(path, **arrays)


@pytest.mark.parametrize("name", ["dense", "momentum"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_state_that_diverged_is_refused_and_changes_nothing(
    once, tmp_path, name, value
):
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    spoil(tmp_path, name, value)
    model = tiny_run.model()
    resume.build_all(model)
    before = variables(model)
    training = resume.ResumableTraining(tmp_path, tiny_run.EPOCHS)
    with pytest.raises(ValueError, match="NaN or infinity.*--restart") as e:
        training.restore(model)
    assert str(e.value).startswith(f"{tmp_path / 'state-0001.npz'}: ")
    for old, now in zip(before, variables(model), strict=True):
        np.testing.assert_array_equal(old, now)


def test_a_training_that_diverges_ends_and_keeps_the_epoch_before(
    once, tmp_path
):
    shutil.copytree(once, tmp_path, dirs_exist_ok=True)
    before = {x.name: x.read_bytes() for x in tmp_path.iterdir()}

    class Diverge(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.layers[-1].bias.assign([np.nan, 0.0])

    with pytest.raises(ValueError, match="epoch 2: stopped: .*dense.*Lower"):
        tiny_run.run(tmp_path, [Diverge()])
    assert {x.name: x.read_bytes() for x in tmp_path.iterdir()} == before


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """The folder of a run that was stopped after its first epoch."""
    folder = tmp_path_factory.mktemp("once")
    tiny_run.run(folder, epochs=1)
    return folder
