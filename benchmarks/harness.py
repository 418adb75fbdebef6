"""How time and memory are measured.

The subjects run in turns in one process after a warm-up, and their medians
are compared, because other load on the machine slows them all alike. Memory is
the growth of a fresh process that runs a single subject.
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
# A change in these files invalidates recorded rows.
SOURCES = ("keras_attn", "benchmarks", "tests/blocks")
THREADS = 2
PAUSE = 0.02
# A subject that takes this many seconds needs no wake-up run.
SLOW = 0.5


def answer(question, cases, subjects, row, memory_of=()):
    """Measures all cases of a module, or the memory of one subject.

    An interrupted run resumes where it stopped if the code, the versions and
    the machine are unchanged. `--again` starts over.

    Args:
        question: Name under which the rows are recorded.
        cases: Tuples of arguments for the subjects.
        subjects: Maps a name to a function that takes a case and returns the
            function to time.
        row: Takes a case, the milliseconds by subject and the MiB by subject,
            and returns a row of the table.
        memory_of: Names of the subjects whose memory is also measured.
    """
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("--memory", metavar="SUBJECT", help="print the memory of a subject")
    add("--only", metavar="CASE", help="measure matching cases, record nothing")
    add("--again", action="store_true", help="discard recorded rows")
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
        if not arguments.only:  # Now: an hour-long run may be interrupted.
            record(question, backend, rows)


def medians(functions, rounds=15, seconds=16):
    """Returns the median milliseconds of each function, run in turns.

    No round starts after `seconds` have passed, except for the first three.
    """
    for function in functions.values():
        # Twice: the first run may compile, and the second one may still
        # allocate memory.
        function()
        function()
    taken = {name: [] for name in functions}
    start = time.perf_counter()
    for done in range(rounds):
        if done >= 3 and time.perf_counter() - start > seconds:
            break
        for name, function in functions.items():
            # A thread pool spins for a while after its last task, which on few
            # cores would be charged to the next subject. The first run wakes
            # the subject's own threads and loads its arrays into the cache.
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
    """Returns the MiB that this module reports in a separate process."""
    module = sys.modules["__main__"].__spec__.name
    command = [sys.executable, "-m", module, "--memory", subject]
    command += ["--only", _name(case)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _print_growth(function):
    """Prints the peak growth of this process in MiB during a function."""
    before = _memory("VmRSS")
    # Resets the high-water mark, which the imports have raised.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    for _ in range(3):
        function()
    print(_memory("VmHWM") - before)


def _memory(mark):
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(mark):
            return int(line.split()[1]) / 1024
    raise OSError(f"{mark} is not in /proc/self/status. Linux is required.")


def record(question, backend, rows):
    """Writes the rows of one backend for the report."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    found = {
        "question": question,
        "backend": backend,
        "date": datetime.date.today().isoformat(),
        **conditions(backend),
        "rows": rows,
    }
    path = RESULTS / f"{question}.{backend}.json"
    # Replaced atomically, because the run may be killed at any time.
    new = path.with_suffix(".new")
    new.write_text(json.dumps(found, indent=1))
    new.replace(path)


def recorded(question, backend):
    """Returns the rows of an earlier run under the same conditions."""
    path = RESULTS / f"{question}.{backend}.json"
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    now = conditions(backend)
    return found["rows"] if now == {n: found.get(n) for n in now} else []


def conditions(backend):
    """Returns what a figure depends on, apart from noise."""
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
    """Returns a description of the processor and its cores."""
    name = platform.processor() or platform.machine()
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                name = line.split(":")[1].strip()
                break
    return f"{name}, {os.cpu_count()} cores, {THREADS} threads, CPU only"
