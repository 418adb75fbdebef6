"""How all of this is measured.

Two subjects run in turns in one process, both warmed up, and their medians
are compared: a shared machine slows both alike. Memory is the growth of a
fresh process that runs one of them.
"""

import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys
import time

RESULTS = pathlib.Path("build/benchmarks")
THREADS = 2
PAUSE = 0.02


def start():
    """Limits all libraries to the same threads; call before they load."""
    os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))
    import torch

    torch.set_num_threads(THREADS)


def medians(functions, rounds=21, warmup=3):
    """Returns the median milliseconds of each function, run in turns."""
    for function in functions.values():
        for _ in range(warmup):
            function()
    seconds = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            # A thread pool spins for some time after its last task; on few
            # cores that would be charged to the next subject. Then its own
            # threads are woken, and its arrays fetched, before it counts.
            time.sleep(PAUSE)
            function()
            begin = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - begin)
    return {
        name: 1e3 * sorted(values)[len(values) // 2]
        for name, values in seconds.items()
    }


def memory_of(module, subject):
    """Returns the MiB that `python -m module --memory subject` reports."""
    command = [sys.executable, "-m", module, "--memory", subject]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def print_growth(function):
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
    """Writes one backend's rows for the report, and prints them."""
    import keras

    RESULTS.mkdir(parents=True, exist_ok=True)
    versions = {"keras": keras.__version__}
    for name in ("torch", backend):
        versions[name] = getattr(__import__(name), "__version__", "")
    found = {
        "question": question,
        "backend": backend,
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "versions": versions,
        "rows": rows,
    }
    path = RESULTS / f"{question}.{backend}.json"
    path.write_text(json.dumps(found, indent=1))
    for row in rows:
        print(f"{question} {backend}: {row}")


def machine():
    """Returns the processor and the number of cores in words."""
    name = platform.processor() or platform.machine()
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                name = line.split(":")[1].strip()
                break
    return f"{name}, {os.cpu_count()} cores, {THREADS} threads, CPU only"
