"""Images a second on a GPU: `python -m benchmarks.gpu`.

Each row is measured in a process of its own, which can crash and hang. While
one is measured, the next one imports what it needs, and waits.
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
    """Returns the options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--backends", nargs="+", default=["torch", "jax"])
    add("--rows", nargs="+", default=list(NETWORKS), choices=NETWORKS)
    add("--batch", type=int, default=128, help="an eighth of it for DeepLab")
    add("--size", type=int, help="side of an image, where it may be smaller")
    add("--rounds", type=int, default=15, help="0 compiles and measures not")
    add("--eager", action="store_true", help="PyTorch compiles nothing")
    add("--limit", type=float, default=75, help="seconds of a row")
    add("--seconds", type=float, default=300, help="of all rows")
    add("--results", type=pathlib.Path, default=OUT / "gpu.jsonl")
    add("--row", help="measure this one in this process, when told to")
    add("--page", type=pathlib.Path, help="write what was measured into it")
    add("files", nargs="*", type=pathlib.Path)
    return parser.parse_args(arguments)


def main(arguments):
    """Measures all rows, or one, or writes the page; returns the status."""
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
    """Starts a process that waits to measure a row."""
    name, backend = row
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.gpu", *arguments, "--row", name],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            # Both backends are on the GPU, in one process.
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        },
        stdin=subprocess.PIPE,
    )


def wait_and_measure(options):
    """Imports what takes long, and measures after a line of input."""
    # Before the other backend: imported after it, PyTorch can crash.
    import torch._inductor.config

    # Choices of kernels made while others use the GPU are not kept.
    torch._inductor.config.autotune_local_cache = False
    import keras

    import keras_attn  # noqa: F401
    from benchmarks.gpu.rows import measure

    sys.stdin.readline()
    torch.backends.cudnn.benchmark = True
    measure(options.row, keras.backend.backend(), options)


def run(rows, options, start):
    """Measures all rows in turn; returns how many of their lines have errors.

    Args:
        rows: Pairs of a network's name and a backend.
        options: Of the command.
        start: Starts the process of a row.
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
    """Lets a process measure; returns why it may have written too little."""
    try:
        process.communicate(b"\n", timeout=seconds)
        return f"the process ended with status {process.returncode}"
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return f"not done in {seconds:.0f} s"


def complete(row, found, options, reason):
    """Writes a line for each mode that has none; returns how many failed."""
    name, backend = row
    head = {"network": name, "backend": backend}
    for mode in NETWORKS[name].modes:
        if mode not in [line["mode"] for line in found]:
            line = {**head, "mode": mode, "errors": {"row": reason}}
            append(options.results, line)
            found.append(line)
    return sum(bool(line["errors"]) for line in found)


def lines_of(path):
    """Returns the rows of a file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
