"""Compares the records of the backends: `python -m tests.compare_backends`.

Takes the folder that `tests/test_parity.py` has filled on each backend. Outputs
and gradients must agree between every two backends. Models that one backend has
saved must produce the same outputs in a new process on the next backend, or
with `--each` on every other backend. Differences are relative to the largest
magnitude in an array.
"""

import argparse
import itertools
import json
import pathlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests import alone

BACKENDS = ("jax", "tensorflow", "torch")
RTOL = 1e-4
ROOT = pathlib.Path(__file__).parents[1]


def leave_out(folder, name, reason):
    """Records why a backend cannot run a case."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.left_out").write_text(reason)


def main(arguments=None):
    """Compares the records, prints the result and returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--load", metavar="BACKEND", nargs="+")
    options = parser.parse_args(arguments)
    if options.load:
        found = _load(options.folder, options.load, options.each)
        print(json.dumps(found))
        return 0

    failed = passed = 0
    for backend in options.backends:
        if not any((options.folder / backend).glob("*.*")):
            print(f"FAILED  {backend} has no records")
            failed += 1
    backends = [b for b in options.backends if (options.folder / b).is_dir()]
    # With several backends, each one reads the files of another.
    others = [backends] * len(backends)
    if not options.each:
        others = [[one] for one in (*backends[-1:], *backends[:-1])]
    with ThreadPoolExecutor() as pool:
        results = pool.map(
            lambda backend, other: load_elsewhere(
                options.folder, backend, other, options.each
            ),
            *(backends, others),
        )
        loaded = dict(zip(backends, results, strict=True))
    for name in sorted(
        {path.stem for b in backends for path in (options.folder / b).iterdir()}
    ):
        problems, text = _compare(options.folder, backends, loaded, name)
        for problem in problems:
            print(f"FAILED  {problem}")
        if not problems:
            print(f"passed  {name}: {text}")
        failed += bool(problems)
        passed += not problems
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _compare(folder, backends, loaded, name):
    """Returns the problems of a case and its largest differences."""
    found, left_out, missing = {}, [], []
    for backend in backends:
        path = folder / backend / f"{name}.npz"
        reason = path.with_suffix(".left_out")
        if path.exists():
            with np.load(path) as archive:
                found[backend] = dict(archive)
        elif reason.exists():
            left_out.append(f"{backend} ({reason.read_text()})")
        else:
            missing.append(backend)
    if missing:
        return [f"{name}: not recorded by {', '.join(missing)}"], ""
    problems = []
    largest = {"outputs": 0.0, "gradients": 0.0, "files": 0.0}
    for a, b in itertools.combinations(found, 2):
        for key in sorted(found[a].keys() | found[b].keys()):
            what = f"{name}: {key} on {a} and {b}"
            if key not in found[a] or key not in found[b]:
                problems.append(f"{what}: missing from one")
                continue
            kind = "gradients" if key.startswith("gradient") else "outputs"
            found_here = difference(found[a][key], found[b][key])
            largest[kind] = max(largest[kind], found_here)
            if found_here > RTOL:
                problems.append(f"{what} differ by {found_here:.2e}")
    for backend, results in loaded.items():
        for other in found:
            result = results.get(f"{other} {name}", 0.0)
            what = f"{name}: file of {other}, loaded by {backend}"
            if isinstance(result, str):
                problems.append(f"{what}: {result}")
                continue
            largest["files"] = max(largest["files"], result)
            if result > RTOL:
                problems.append(f"{what}, differs by {result:.2e}")
    text = ", ".join(f"{kind} {value:.1e}" for kind, value in largest.items())
    if left_out:
        text += f", without {', '.join(left_out)}"
    return problems, text


def difference(a, b):
    """Returns the largest difference, relative to the largest magnitude."""
    if a.shape != b.shape:
        return float("inf")
    a, b = a.astype("float64"), b.astype("float64")
    if a.size == 0 or np.array_equal(a, b):
        return 0.0
    largest = np.abs(a - b).max() / max(np.abs(a).max(), np.abs(b).max())
    return float(largest) if np.isfinite(largest) else float("inf")


def load_elsewhere(folder, backend, others, each=True):
    """Loads the files of other backends in a new process on one backend.

    Args:
        each: Whether to load the files of both data formats, which have the
            same weights. If `False`, only one is loaded.

    Returns:
        A dict from `"<other> <case>"` to a difference or an error message.
    """
    process = subprocess.run(
        [
            *(sys.executable, "-m", "tests.compare_backends"),
            *(str(pathlib.Path(folder).absolute()), "--load", *others),
            *(["--each"] if each else []),
        ],
        cwd=ROOT,
        env=alone(backend),
        capture_output=True,
        text=True,
    )
    if process.returncode != 0:
        # All its cases fail, with the last line of the traceback as the reason.
        lines = process.stderr.strip().splitlines() or ["no message"]
        return {
            f"{other} {path.stem}": lines[-1]
            for other in others
            for path in (pathlib.Path(folder) / other).glob("*.keras")
        }
    return json.loads(process.stdout.strip().splitlines()[-1])


def _load(folder, others, each):
    """Runs the saved models of other backends, for `load_elsewhere`."""
    # Only this process needs Keras. The import registers the classes.
    import keras_attn  # noqa: F401
    from tests.contracts import parity

    results = {}
    for other in others:
        for path in sorted((folder / other).glob("*.keras")):
            twin = path.name.replace("channels_first", "channels_last")
            if not each and path.name != twin and path.with_name(twin).exists():
                continue
            try:
                arrays = parity.read(path.parent, path.stem)
                outputs = parity.run_saved(path.parent, path.stem, arrays)
                result = max(
                    difference(y, arrays[k]) for k, y in outputs.items()
                )
            except Exception as error:
                result = f"{path.name}: {type(error).__name__}: {error}"
            results[f"{other} {path.stem}"] = result
    return results


if __name__ == "__main__":
    sys.exit(main())
