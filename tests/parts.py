"""The tests of each folder in a process of its own, forked from a session.

It has imported and collected all by then, which takes longer than most folders
do, and computed nothing: a backend's threads would not be in the new process.
One for each folder, since the more graphs there are in a process, the longer
TensorFlow takes for the next.
"""

import atexit
import fcntl
import itertools
import json
import os
import pathlib
import sys
import time

import pytest


def run(session, logs, name):
    """Forks; what the parts print goes to files in `logs`.

    The session counts their tests, and says at its end which failed, as if it
    had run them itself. At most `JOBS` run at once, those of all sessions with
    the same `logs` together; the environment says how many, or 2.

    Args:
        session: Of pytest, with the tests that were collected.
        logs: Folder for files.
        name: Of the session, for the names of its parts.

    Returns:
        Whether this process has waited for all. If not, it is that of a part,
        and has to run what is left in the session.
    """
    _check_nothing_computes()
    waiting = _parts(session)
    running = {}
    while waiting or running:
        slot = _free_slot(logs) if waiting else None
        if slot is not None:
            part, items = waiting.pop(0)
            part = f"{name}:{part}"
            log = logs / f"{part.replace(':', '-').replace('/', '-')}.log"
            pid = os.fork()
            if pid == 0:
                _leave(session, items, log)
                return False
            # It stays locked until the part ends, however it does.
            os.close(slot)
            running[pid] = part, log, time.time()
        pid, status = os.waitpid(-1, os.WNOHANG) if running else (0, 0)
        if pid:
            failed = os.waitstatus_to_exitcode(status) != 0
            _report(session, *running.pop(pid), failed)
        elif slot is None:
            time.sleep(0.1)
    return True


def _check_nothing_computes():
    tasks = pathlib.Path("/proc/self/task")
    names = {path.read_text().strip() for path in tasks.glob("*/comm")}
    if any(name.startswith("tf_") for name in names):
        raise pytest.UsageError(
            "Test files must not compute when they are imported: what is "
            "forked has no threads of the backend. Received: the threads "
            f"{sorted(names)}. Make models and tensors in the tests"
        )


def _parts(session):
    """Returns names of folders with their tests, the most tests first."""

    def folder(item):
        return item.path.parent.relative_to(session.config.rootpath).as_posix()

    ordered = sorted(session.items, key=folder)
    parts = [(k, [*v]) for k, v in itertools.groupby(ordered, folder)]
    return sorted(parts, key=lambda part: -len(part[1]))


def _free_slot(logs):
    """Returns the open, locked file of one that is free, or `None`."""
    for number in range(int(os.environ.get("JOBS", 2))):
        slot = os.open(logs / f"slot-{number}", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(slot)
        else:
            return slot
    return None


def _end(session):
    """Ends a process without what Python does then.

    TensorFlow would wait for threads that were not forked.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(session.exitstatus)


def _leave(session, items, log):
    """Makes of a forked process the session of some tests."""
    # After all that pytest has to say.
    atexit.register(_end, session)
    session.items = items
    session.testscollected = len(items)
    session.config.pluginmanager.register(_Reports(session.config, log))
    capture = session.config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()
    with log.open("w") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    # It keeps what it found as the process's own output.
    capture.start_global_capturing()
    capture.suspend_global_capture()


class _Reports:
    """Writes what became of each test, for the session that forked."""

    def __init__(self, config, log):
        self.config = config
        self.file = _reports(log).open("w")

    def pytest_runtest_logreport(self, report):
        hook = self.config.hook.pytest_report_to_serializable
        data = hook(config=self.config, report=report)
        print(json.dumps(data), file=self.file, flush=True)


def _reports(log):
    return log.with_suffix(".jsonl")


def _report(session, part, log, start, failed):
    """Counts the tests of a part that ended, and prints its last line."""
    config, failures = session.config, 0
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for line in _reports(log).read_text().splitlines():
        report = config.hook.pytest_report_from_serializable(
            config=config, data=json.loads(line)
        )
        category, *_ = config.hook.pytest_report_teststatus(
            report=report, config=config
        )
        reporter.stats.setdefault(category, []).append(report)
        failures += category in ("failed", "error")
    lines = log.read_text(errors="replace").strip().splitlines() or [""]
    if failed and not failures:
        # It came to no report, by a crash or in the last fixture.
        print(*lines, sep="\n")
    session.testsfailed += max(failures, failed)
    result = "FAILED" if failed else "passed"
    line = f"{part} {result} in {time.time() - start:.0f} s: {lines[-1]}"
    print(f"=== {line}", flush=True)
    with (log.parent / "results").open("a") as file:
        file.write(f"{line}\n")
