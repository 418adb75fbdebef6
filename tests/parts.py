"""Runs the tests of each folder in a process forked from a session.

The session imports and collects everything first, which takes longer than most
folders. It must not compute anything, because a backend's threads do not
survive a fork. Each folder has its own process because TensorFlow slows down as
a process accumulates graphs.
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
    """Forks the parts, which print to files in `logs`.

    The session counts their tests and reports failures as if it had run them
    itself. At most `JOBS` parts run at once, over all sessions with the same
    `logs`. The environment variable `JOBS` defaults to 2.

    Args:
        session: The pytest session, with the collected tests.
        logs: Folder for the log files.
        name: Name of the session, a prefix of the names of its parts.

    Returns:
        Whether this process is the parent and has waited for all parts. If not,
        it is a part and must run the tests left in the session.
    """
    _check_nothing_computes()
    waiting = _parts(session)
    running, ended = {}, []
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
            # The lock is held until the part ends, even if it crashes.
            os.close(slot)
            running[pid] = part, log, time.time()
        pid, status = os.waitpid(-1, os.WNOHANG) if running else (0, 0)
        if pid:
            ended.append(_print(*running.pop(pid), status))
        elif slot is None:
            time.sleep(0.1)
    # Counted last, as forked processes would inherit the counts.
    for log, failed in ended:
        _count(session, log, failed)
    return True


def _check_nothing_computes():
    tasks = pathlib.Path("/proc/self/task")
    names = {path.read_text().strip() for path in tasks.glob("*/comm")}
    if any(name.startswith("tf_") for name in names):
        raise pytest.UsageError(
            "Test files must not compute when they are imported, because the "
            "backend's threads do not survive a fork. Received: threads "
            f"{sorted(names)}. Create models and tensors inside the tests"
        )


def _parts(session):
    """Returns pairs of folder name and tests, the largest first."""

    def folder(item):
        return item.path.parent.relative_to(session.config.rootpath).as_posix()

    ordered = sorted(session.items, key=folder)
    parts = [(k, [*v]) for k, v in itertools.groupby(ordered, folder)]
    return sorted(parts, key=lambda part: -len(part[1]))


def _free_slot(logs):
    """Returns the open, locked file of a free slot, or `None`."""
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
    """Ends a process without Python's cleanup.

    TensorFlow would wait for threads that do not exist after a fork.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(session.exitstatus)


def _leave(session, items, log):
    """Turns a forked process into the session of some tests."""
    # Runs after pytest has printed everything.
    atexit.register(_end, session)
    session.items = items
    session.testscollected = len(items)
    session.config.pluginmanager.register(_Reports(session.config, log))
    capture = session.config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()
    with log.open("w") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
    # Starts again to use the redirected descriptors.
    capture.start_global_capturing()
    capture.suspend_global_capture()


class _Reports:
    """Writes the report of each test to a file, for the parent session."""

    def __init__(self, config, log):
        self.config = config
        self.file = _reports(log).open("w")

    def pytest_runtest_logreport(self, report):
        hook = self.config.hook.pytest_report_to_serializable
        data = hook(config=self.config, report=report)
        print(json.dumps(data), file=self.file, flush=True)


def _reports(log):
    return log.with_suffix(".jsonl")


def _print(part, log, start, status):
    """Prints the last line of a part, or all lines if it has no summary.

    Returns:
        Its log, and whether it failed.
    """
    failed = os.waitstatus_to_exitcode(status) != 0
    lines = log.read_text(errors="replace").strip().splitlines() or [""]
    if failed and " failed" not in lines[-1] and " error" not in lines[-1]:
        print(*lines, sep="\n")
    result = "FAILED" if failed else "passed"
    line = f"{part} {result} in {time.time() - start:.0f} s: {lines[-1]}"
    print(f"=== {line}", flush=True)
    with (log.parent / "results").open("a") as file:
        file.write(f"{line}\n")
    return log, failed


def _count(session, log, failed):
    """Adds the tests and failures of a part to a session."""
    hook, failures = session.config.hook, 0
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    for line in _reports(log).read_text().splitlines():
        report = hook.pytest_report_from_serializable(
            config=session.config, data=json.loads(line)
        )
        category, *_ = hook.pytest_report_teststatus(
            report=report, config=session.config
        )
        reporter.stats.setdefault(category, []).append(report)
        failures += category in ("failed", "error")
    session.testsfailed += max(failures, failed)
