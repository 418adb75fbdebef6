"""Tests that a config can only build its object, and nothing else."""

import inspect
import json

import keras
import pytest

import keras_attn  # noqa: F401 - registers its classes
from tests.contracts.saving import run_python

pytestmark = pytest.mark.once


@pytest.fixture(
    scope="module",
    params=[(), pytest.param(("--all",), marks=pytest.mark.slow)],
    ids=["texts", "all"],
)
def watched(request):
    process = run_python("-m", "tests.watch_from_config", *request.param)
    assert process.returncode == 0, process.stderr[-2000:]
    return json.loads(process.stdout.strip().splitlines()[-1])


def test_every_class_of_the_package_is_watched(watched):
    registered = keras.saving.get_custom_objects()
    expected = {
        name.removeprefix("keras_attn>")
        for name, found in registered.items()
        if name.startswith("keras_attn>") and inspect.isclass(found)
    }
    assert len(expected) > 30
    assert watched["counts"].keys() == expected
    # The configs of initializers contain no text.
    assert sorted(watched["counts"].values())[5] > 20


def test_the_watch_records_a_file_and_a_module(watched):
    assert [line.split(",")[0] for line in watched["armed"]] == [
        "armed: open('/a_module_that_nobody_has/passwd'",
        "armed: import_module('os'",
        "armed: import('a_module_that_nobody_has'",
    ]


def test_no_config_opens_a_path_imports_by_name_or_runs_a_program(watched):
    assert watched["happened"] == []


def test_a_bad_config_raises_a_value_or_type_error(watched):
    assert watched["odd"] == []
