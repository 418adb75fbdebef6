"""Measures images per second on a GPU: `python -m benchmarks.gpu`.

Each row is measured in a separate process, so that a crash or a hang costs only
that row. Meanwhile the process of the next row imports its packages and waits.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

from benchmarks.gpu.networks import NETWORKS
from benchmarks.gpu.page import write
from benchmarks.gpu.rows import append

OUT = pathlib.Path(os.environ.get("OUT", "build/gpu"))


def parsed(arguments=None):
    """Returns the parsed options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--backends", nargs="+", default=["torch", "jax"])
    add("--rows", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    add("--batch", type=int, default=128, help="images; an eighth for DeepLab")
    add("--size", type=int, help="largest image size, if the network allows it")
    add("--rounds", type=int, default=15, help="0 only compiles")
    add("--eager", action="store_true", help="do not run torch.compile")
    add("--limit", type=float, default=75, help="seconds per row")
    add("--seconds", type=float, default=300, help="seconds for all rows")
    add("--results", type=pathlib.Path, default=OUT / "gpu.jsonl")
    add("--row", help="measure this row after a line of input")
    add("--page", type=pathlib.Path, help="write the results into this page")
    add("files", nargs="*", type=pathlib.Path)
    return parser.parse_args(arguments)


def main(arguments):
    """Measures all rows or one row, or writes the page; returns the status."""
    options = parsed(arguments)
    if options.page:
        write(options.page, options.files or [options.results])
        return 0
    if options.row:
        wait_and_measure(options)
        return 0
    options.results.parent.mkdir(parents=True, exist_ok=True)
    rows = [(n, b) for n in options.rows for b in options.backends]
    return 1 if run(rows, options, lambda row: start(row, arguments)) else 0


def start(row, arguments):
    """Starts the process of a row, which then waits for a line of input."""
    name, backend = row
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gpu", *arguments, "--row", name],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            # PyTorch and JAX share the GPU within one process.
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        },
        stdin=subprocess.PIPE,
    )


def wait_and_measure(options):
    """Imports the packages, waits for a line of input, and measures a row."""
    # First, because PyTorch can crash if it is imported after JAX.
    import torch._inductor.config

    # Do not cache kernel choices made while another process used the GPU.
    torch._inductor.config.autotune_local_cache = False
    import keras

    import keras_attn  # noqa: F401
    from benchmarks.gpu.rows import measure

    sys.stdin.readline()
    torch.backends.cudnn.benchmark = True
    measure(options.row, keras.backend.backend(), options)


def run(rows, options, start):
    """Measures all rows in turn, and returns the number of lines with errors.

    Args:
        rows: Pairs of a network's name and a backend.
        options: Options of the command.
        start: Function that starts the process of a row.
    """
    end = time.monotonic() + options.seconds
    failed, processes = 0, {}
    for i, row in enumerate(rows):
        left = end - time.monotonic()
        if left <= 0:
            failed += complete(row, [], options, "no time was left")
            continue
        for each in rows[i : i + 2]:
            if each not in processes:
                processes[each] = start(each)
        before = len(lines_of(options.results))
        reason = ended(processes[row], min(left, options.limit))
        found = lines_of(options.results)[before:]
        failed += complete(row, found, options, reason)
    for process in processes.values():
        process.kill()
        process.wait()
    return failed


def ended(process, seconds):
    """Lets a process measure, and returns why it stopped."""
    try:
        process.communicate(b"\n", timeout=seconds)
        return f"the process ended with status {process.returncode}"
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return f"not done in {seconds:.0f} s"


def complete(row, found, options, reason):
    """Adds a line for each missing mode, and returns the number of failures."""
    name, backend = row
    head = {"network": name, "backend": backend}
    for mode in NETWORKS[name].modes:
        if mode not in [line["mode"] for line in found]:
            line = {**head, "mode": mode, "errors": {"row": reason}}
            append(options.results, line)
            found.append(line)
    return sum(bool(line["errors"]) for line in found)


def lines_of(path):
    """Returns the rows in a results file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
