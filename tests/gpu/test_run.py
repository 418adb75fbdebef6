"""Tests that the GPU script runs every step, even after a failure."""

import os
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(__file__).with_name("run.sh")
# Logs its arguments, and fails or hangs if they match a pattern.
PYTHON = """#!/bin/sh
echo "$KERAS_BACKEND $*" >> "$CALLS"
case "$KERAS_BACKEND $*" in
    $HANGS) exec sleep 30 ;;
    $FAILS) echo "FAILED  something"; exit 1 ;;
esac
echo all is well
"""


@pytest.fixture
def run(tmp_path):
    """Runs the script with a fake Python; returns status, calls and summary."""
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "keras-3.whl").touch()

    def run(*arguments, fails="", hangs="", **variables):
        calls = tmp_path / "calls"
        calls.unlink(missing_ok=True)
        process = subprocess.run(
            ["sh", SCRIPT, *arguments],
            env={
                "PATH": os.environ["PATH"],
                **{"PYTHON": str(python), "OUT": str(tmp_path / "out")},
                **{"WHEELS": str(wheels), "CALLS": str(calls)},
                **{"FAILS": fails, "HANGS": hangs, **variables},
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert process.stderr == ""
        summary = (tmp_path / "out" / "summary").read_text()
        assert process.stdout == summary
        lines = summary.splitlines()
        results = {
            name: text for name, _, text in (s.partition(": ") for s in lines)
        }
        return process.returncode, calls.read_text().splitlines(), results

    return run


def test_steps_run_in_order(run):
    status, calls, results = run("-k", "SE", TORCH_WORKERS="3")
    assert status == 0
    wheels, probe, *together, compare, bench = calls
    assert "pip install --no-index" in wheels
    assert "import jax" in probe
    suites = {call.split()[0]: call for call in together if "pytest" in call}
    assert set(suites) == {"torch", "jax"}
    for call in suites.values():
        assert "--require-gpu" in call
        assert call.endswith(" -k SE")
    assert "-n 3 " in suites["torch"]
    # Only the first backend runs the tests that are the same on each one.
    assert ["not once" in suites[each] for each in suites] == [
        each == "jax" for each in suites
    ]
    (prepare,) = set(together) - set(suites.values())
    assert "--backends torch --rounds 0" in prepare
    assert "compare_backends" in compare
    assert "--backends torch jax" in compare
    assert "benchmarks.gpu" in bench
    assert all(text.startswith("passed in ") for text in results.values())


def test_a_failed_step_does_not_stop_the_others(run):
    status, calls, results = run(fails="torch *pytest*")
    assert status == 1
    assert results["torch"].startswith("FAILED in ")
    assert results["bench"].startswith("passed in ")
    assert "FAILED  something" in results


def test_a_hanging_step_is_killed(run):
    status, _, results = run(hangs="*compare*", COMPARE_SECONDS="1")
    assert status == 1
    assert results["compare"].startswith("FAILED, out of time in ")
    assert results["bench"].startswith("passed in ")


def test_steps_can_be_chosen(run):
    _, calls, results = run(STEPS="bench")
    assert list(results) == ["wheels", "bench"]
    assert len(calls) == 2
