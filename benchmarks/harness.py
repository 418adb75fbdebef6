"""How all of this is measured.

Two subjects run in turns in one process, both warmed up, and their medians
are compared: a shared machine slows both alike. Memory is the growth of a
fresh process that runs one of them.
"""

import argparse
import datetime
import hashlib
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

RESULTS = pathlib.Path("build/benchmarks")
# What is measured, and how.
SOURCES = ("keras_attn", "benchmarks", "tests/blocks")
THREADS = 2
PAUSE = 0.02
# What takes so many seconds needs no waking.
SLOW = 0.5


def answer(question, cases, subjects, row, memory_of=()):
    """Runs a module: measures all cases, or the memory of one subject.

    A run that was interrupted goes on where it was, as long as code, versions
    and machine are the same; `--again` begins anew.

    Args:
        question: Name of what is recorded.
        cases: Tuples, the arguments that the subjects are made with.
        subjects: Name to function of a case, which returns what is timed.
        row: Function of a case, the milliseconds by subject and the MiB by
            subject; returns what the table shows.
        memory_of: Names of the subjects whose memory is measured.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--memory", metavar="SUBJECT")
    parser.add_argument("--only", metavar="CASE", help="measure, not record")
    parser.add_argument("--again", action="store_true", help="measure all")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))
    import keras
    import torch

    torch.set_num_threads(THREADS)
    if arguments.memory:
        (case,) = (c for c in cases if _name(c) == arguments.only)
        _print_growth(subjects[arguments.memory](*case))
        return
    if arguments.only:
        cases = [case for case in cases if arguments.only in _name(case)]
    backend = keras.backend.backend()
    rows = []
    if not (arguments.only or arguments.again):
        rows = recorded(question, backend)
    # Rows are in the order of the cases.
    for case in cases[len(rows) :]:
        times = medians({who: make(*case) for who, make in subjects.items()})
        memory = {who: _memory_of(who, case) for who in memory_of}
        rows.append(row(case, times, memory))
        print(f"{question} {backend}: {rows[-1]}", flush=True)
        if not arguments.only:  # At once: an hour's run may be interrupted.
            record(question, backend, rows)


def medians(functions, rounds=15, seconds=16):
    """Returns the median milliseconds of each function, run in turns.

    After so many `seconds` there are no more rounds, but there are three.
    """
    for function in functions.values():
        # Twice: the first run may compile, and leaves the next one's memory
        # to be asked for.
        function()
        function()
    taken = {name: [] for name in functions}
    start = time.perf_counter()
    for done in range(rounds):
        if done >= 3 and time.perf_counter() - start > seconds:
            break
        for name, function in functions.items():
            # A thread pool spins for some time after its last task; on few
            # cores that would be charged to the next subject. Then its own
            # threads are woken, and its arrays fetched, before it counts.
            time.sleep(PAUSE)
            once = _seconds_of(function)
            if once < SLOW:
                runs = max(1, int(PAUSE / once))
                once = _seconds_of(function, runs)
            taken[name].append(once)
    return {
        name: 1e3 * sorted(values)[len(values) // 2]
        for name, values in taken.items()
    }


def _seconds_of(function, runs=1):
    begin = time.perf_counter()
    for _ in range(runs):
        function()
    return (time.perf_counter() - begin) / runs


def _name(case):
    return ":".join(map(str, case))


def _memory_of(subject, case):
    """Returns the MiB that this module reports in a process of its own."""
    module = sys.modules["__main__"].__spec__.name
    command = [sys.executable, "-m", module, "--memory", subject]
    command += ["--only", _name(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _print_growth(function):
    """Prints by how many MiB a function makes this process grow at most."""
    before = _memory("VmRSS")
    # Linux keeps the highest mark; imports left one above what we look for.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    for _ in range(3):
        function()
    print(_memory("VmHWM") - before)


def _memory(mark):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(mark):
            return int(line.split()[1]) / 1024
    raise OSError(f"no {mark} in /proc/self/status: Linux only")


def record(question, backend, rows):
    """Writes one backend's rows for the report."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = {
        "question": question,
        "backend": backend,
        "date": datetime.date.today().isoformat(),
        **conditions(backend),
        "rows": rows,
    }
    path = RESULTS / f"{question}.{backend}.json"
    # Whole or not at all, as the run may end at any time.
    new = path.with_suffix(".new")
    new.write_text(json.dumps(found, indent=1))
    new.replace(path)


def recorded(question, backend):
    """Returns the rows that a run under the same conditions has written."""
    path = RESULTS / f"{question}.{backend}.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    now = conditions(backend)
    return found["rows"] if now == {n: found.get(n) for n in now} else []


def conditions(backend):
    """Returns what a figure depends on, other than chance."""
    import keras

    versions = {"keras": keras.__version__}
    for name in ("torch", backend):
        versions[name] = getattr(__import__(name), "__version__", "")
    digest = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted(pathlib.Path(folder).rglob("*.py")):
            digest.update(path.as_posix().encode() + path.read_bytes())
    return {
        "machine": machine(),
        "versions": versions,
        "code": digest.hexdigest(),
    }


def machine():
    """Returns the processor and the number of cores in words."""
    name = platform.processor() or platform.machine()
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                name = line.split(":")[1].strip()
                break
    return f"{name}, {os.cpu_count()} cores, {THREADS} threads, CPU only"
