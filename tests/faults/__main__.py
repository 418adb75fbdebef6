"""Plants each fault in its own copy and prints which test catches it.

Takes parts of names of files or checks, to select faults.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

from tests.faults.planted import PLANTED

ROOT = pathlib.Path(__file__).parents[2]
COPIED = ("keras_attn", "tests", "applications", "benchmarks", "docs")


def main(arguments=None):
    """Plants the faults and returns how many the expected check missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(arguments)
    chosen = [
        fault
        for fault in PLANTED
        if not options.names
        or any(n in f"{fault.path} {fault.check}" for n in options.names)
    ]
    with ThreadPoolExecutor(options.jobs) as pool:
        survived = sum(pool.map(_report, chosen))
    survived += _of_examples(options.names)
    print(f"{survived} survived")
    return survived


def _report(fault):
    changed = [
        line.strip()
        for line in fault.wrong.splitlines()
        if line not in fault.right.splitlines()
    ]
    try:
        caught = plant(fault)
    except RuntimeError as error:
        # An outdated entry must not stop the other faults.
        caught = []
        print(f"NO TEST RAN in {fault.path}: {error}", flush=True)
    right = any(fault.check in name for name in caught)
    word = "caught  " if right else "SURVIVED"
    tests = ", ".join(caught) or "no test"
    print(f"{word} {fault.path}: `{changed[0]}`, by {tests}", flush=True)
    return not right


def plant(fault):
    """Returns the names of the tests that fail in a copy with the fault."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name in COPIED:
            unused = shutil.ignore_patterns("__pycache__", "images")
            shutil.copytree(ROOT / name, folder / name, ignore=unused)
        shutil.copy(ROOT / "pyproject.toml", folder)
        path = folder / "keras_attn" / fault.path
        text = path.read_text(encoding="utf-8")
        if text.count(fault.right) != 1:
            raise ValueError(
                f"The line must occur once in the file. Received: {fault}"
            )
        path.write_text(text.replace(fault.right, fault.wrong), "utf-8")
        backend = fault.backend or os.environ.get("KERAS_BACKEND", "torch")
        process = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", fault.tests),
                *("-k", fault.check, "-rfE", "--tb=no"),
                *("-p", "no:cacheprovider"),
            ],
            cwd=folder,
            env={
                **os.environ,
                "KERAS_BACKEND": backend,
                "OMP_NUM_THREADS": "1",
                # Takes precedence over the installed package.
                "PYTHONPATH": str(folder),
            },
            capture_output=True,
            text=True,
        )
    found = re.findall(r"^(?:FAILED|ERROR) \S*?::(\S+)", process.stdout, re.M)
    if process.returncode not in (0, 1) and not found:
        raise RuntimeError(process.stdout[-2000:] + process.stderr[-2000:])
    return found


def _of_examples(names):
    """Plants the faulty layers that the contract itself is tested with."""
    if names:
        return 0
    process = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "tests/test_contracts.py"),
            *("-k", "catches_the_fault", "-v", "-v", "--tb=no"),
        ],
        cwd=ROOT,
        env={"KERAS_BACKEND": "torch", **os.environ},
        capture_output=True,
        text=True,
    )
    survived = 0
    for name, result in re.findall(
        r"^\S*::test_catches_the_fault\[(.+?)\] (\w+)", process.stdout, re.M
    ):
        check, _, layer = name.partition("-")
        caught = result == "PASSED"
        survived += not caught
        word = "caught  " if caught else "SURVIVED"
        print(f"{word} {layer}, by check_{check}", flush=True)
    return survived


if __name__ == "__main__":
    sys.exit(main())
