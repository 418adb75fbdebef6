"""Tests the output and status of a run in parts, in a temporary repository."""

import os
import pathlib
import subprocess
import sys

import pytest

pytestmark = pytest.mark.once

ROOT = pathlib.Path(__file__).parents[1]
CONFTEST = """
import pathlib
from tests import parts

def pytest_runtestloop(session):
    return parts.run(session, pathlib.Path("logs"), "name") or None
"""
FILES = {
    "good/test_first.py": "def test_a(): print('seen')",
    "good/test_second.py": "def test_b(): pass",
    # Has the most tests, so it starts first.
    "bad/test_bad.py": """
import pytest
def test_c(): assert 'this' == 'that'
@pytest.mark.parametrize("number", [1, 2])
def test_e(number): pass
""",
    "dies/test_dies.py": """
import os, signal
def test_d(): os.kill(os.getpid(), signal.SIGKILL)
""",
}


def run(folder, *names, conftest=CONFTEST):
    """Runs the tests of some folders; returns the process and the results."""
    for path, text in FILES.items():
        if path.split("/")[0] in names:
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text)
    (folder / "logs").mkdir()
    (folder / "pytest.ini").write_text("[pytest]")
    (folder / "conftest.py").write_text(conftest)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *("-p", "no:cacheprovider"), "-q"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JOBS": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    results = folder / "logs" / "results"
    lines = results.read_text().splitlines() if results.exists() else []
    return done, sorted(lines)


def test_passing_parts_print_one_line(tmp_path):
    done, (line,) = run(tmp_path, "good")
    assert done.returncode == 0, done.stdout
    assert line.startswith("name:good passed in") and "2 passed" in line
    # Parts that pass print one line, with their number of tests.
    assert "seen" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("2 passed in ")
    assert "2 passed" in (tmp_path / "logs" / "name-good.log").read_text()


def test_failures_are_printed_and_crashes_are_reported(tmp_path):
    done, lines = run(tmp_path, "good", "bad", "dies")
    assert done.returncode == 1
    assert [line.split(" in ")[0] for line in lines] == [
        "name:bad FAILED",
        "name:dies FAILED",
        "name:good passed",
    ]
    assert "assert 'this' == 'that'" in done.stdout
    # Printed once and counted; parts forked later count only their own tests.
    assert done.stdout.count("FAILED bad/test_bad.py::test_c") == 1
    assert "2 passed in" in lines[-1]
    assert done.stdout.splitlines()[-1].startswith("1 failed, 4 passed in ")


@pytest.mark.skipif(
    not pathlib.Path("/proc/self/task").exists(), reason="cannot list threads"
)
def test_a_session_with_threads_of_a_backend_raises(tmp_path):
    # TensorFlow and JAX give their threads such names.
    named = """
import threading
threading.Thread(target=lambda: (
    open("/proc/thread-self/comm", "w").write("tf_Compute"),
    started.set(),
    threading.Event().wait(),
), daemon=True).start()
started.wait()
"""
    conftest = f"import threading\nstarted = threading.Event()\n{named}"
    done, lines = run(tmp_path, "good", conftest=f"{conftest}\n{CONFTEST}")
    assert done.returncode == 4 and not lines
    assert "must not compute when they are imported" in done.stderr
