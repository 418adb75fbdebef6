import signal
import subprocess
import sys
import threading

import pytest

from applications.common import locks

# Holds the lock until it is killed.
HOLDER = """
import sys, time
from pathlib import Path
from applications.common import locks
with locks.locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


def test_another_process_is_noticed_and_a_killed_one_forgotten(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"locked\n"
        for attempt in (
            locks.check_free,
            lambda x: locks.locked(x).__enter__(),
        ):
            with pytest.raises(ValueError) as caught:
                attempt(tmp_path)
            words = (
                f"another process works in this folder (process {holder.pid}"
            )
            assert f"{tmp_path}: {words})" in str(caught.value)
        holder.send_signal(signal.SIGKILL)
    locks.check_free(tmp_path)
    with locks.locked(tmp_path):
        pass


def test_another_thread_is_noticed_too(tmp_path):
    with locks.locked(tmp_path):
        with pytest.raises(ValueError, match="another process works in this"):
            locks.check_free(tmp_path)


def test_one_can_wait(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(locks, "PAUSE", 0.01)
    order = []

    def wait():
        with locks.locked(tmp_path, wait=True):
            order.append("second")

    with locks.locked(tmp_path):
        other = threading.Thread(target=wait)
        other.start()
        other.join(0.1)
        order.append("first")
    other.join()
    assert order == ["first", "second"]
    assert capsys.readouterr().out.count("waiting for another process") == 1


def test_a_check_makes_nothing(tmp_path):
    locks.check_free(tmp_path / "none")
    locks.check_free(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_lock_is_given_back_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), locks.locked(tmp_path):
        raise RuntimeError
    locks.check_free(tmp_path)
