"""Tries to export every block and model: `python -m tests.exports`.

It uses the backend in KERAS_BACKEND and tries each format, with height and
width known and open. Each outcome is saved to `build/exports/<backend>.json`
immediately, so an interrupted run resumes. `--again` starts over. Exporters
run in a separate process, because some crash or hang.
`--page docs/export.md` writes the tables of all recorded backends to that page.
"""

import argparse
import datetime
import faulthandler
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from tests.exports.limits import limit_of

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "build" / "exports"
FORMATS = {"onnx": "m.onnx", "tf_saved_model": "m", "litert": "m.tflite"}
SIZES = ("known", "open")
BEGUN = {"begun": True}
# In seconds, for one model in one format.
LIMIT = 300
PACKAGES = {
    "tensorflow": ("tensorflow-cpu", "tensorflow", "tf2onnx", "ai-edge-litert"),
    "torch": ("torch", "onnxscript", "litert-torch", "ai-edge-litert"),
    "jax": ("jax", "jax2onnx", "flax", "tensorflow-cpu", "tensorflow"),
}


def main(arguments=None):
    """Runs the command and returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="WORD", default="")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER)
    parser.add_argument("--page", type=pathlib.Path)
    parser.add_argument("--worker", action="store_true", help="internal")
    options = parser.parse_args(arguments)
    if options.page and not options.worker:
        from tests.exports.page import write_page

        write_page(options.page, options.folder)
        return 0
    import keras

    path = options.folder / f"{keras.backend.backend()}.json"
    if options.worker:
        work(path, options.only)
        return 0
    if options.again:
        path.unlink(missing_ok=True)
    walk(path, options.only)
    outcomes = read(path)["outcomes"]
    for key, outcome in outcomes.items():
        print(describe(key, outcome))
    return int(any(is_ours(key, o) for key, o in outcomes.items()))


def walk(path, only="", command=None):
    """Runs workers until every outcome is recorded."""
    command = command or [
        *(sys.executable, "-m", "tests.exports", "--worker"),
        *("--only", only, "--folder", str(path.parent)),
    ]
    while True:
        before = len(read(path)["outcomes"])
        process = subprocess.run(command, cwd=ROOT, capture_output=True)
        record = read(path)
        for key, outcome in record["outcomes"].items():
            if outcome == BEGUN:
                how = f"ended by {process.returncode}, or after {LIMIT} s"
                record["outcomes"][key] = failure("Crash", how)
        write(path, record)
        if len(record["outcomes"]) > before:
            continue
        if process.returncode == 0:
            return
        message = process.stderr.decode(errors="replace")[-2000:]
        raise RuntimeError(f"The worker made no progress: {message}")


def work(path, only=""):
    """Adds the missing outcomes of one block or model.

    Only of one, because after many exports TensorFlow and JAX in one process
    can deadlock.
    """
    at_work = None
    for name, format, size, make in attempts():
        key = f"{name} {format} {size}"
        record = read(path)
        if only not in key or key in record["outcomes"]:
            continue
        if at_work not in (None, name):
            return
        at_work = name
        record["outcomes"][key] = BEGUN
        write(path, record)
        # Also ends a process that hangs outside of Python code.
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        record["outcomes"][key] = attempt(make, format)
        faulthandler.cancel_dump_traceback_later()
        write(path, record)


def attempts():
    """Yields name, format, size, and a function that creates the model."""
    from tests.exports.subjects import subjects

    for name, makes in subjects().items():
        for format in FORMATS:
            for size in SIZES:
                yield name, format, size, makes[size]


def attempt(make, format):
    """Exports a model and returns the outcome."""
    import keras_attn

    try:
        model = make()
    except ValueError as error:
        # The block rejects the size before anything is exported.
        return failure("Model", error)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / FORMATS[format]
        try:
            difference = keras_attn.export(model, path, format)
        except Exception as error:
            return failure(type(error).__name__, error)
    return {"difference": difference}


def failure(kind, error):
    """Returns the outcome of a failed attempt."""
    text = " ".join(str(error).split())
    return {"kind": kind, "message": text[:1000]}


def is_ours(key, outcome):
    """Returns whether no other package explains a failure."""
    return "kind" in outcome and limit_of(key, outcome) is None


def describe(key, outcome):
    """Returns an outcome as one line."""
    if "kind" not in outcome:
        return f"{key}: {outcome['difference']:.0e}"
    limit = limit_of(key, outcome)
    return f"{key}: {limit or 'OURS: ' + outcome['message'][:300]}"


def read(path):
    """Returns the record in a file, or an empty one without a file."""
    if path.exists():
        return json.loads(path.read_text())
    return {
        "date": datetime.date.today().isoformat(),
        "versions": versions(path.stem),
        "outcomes": {},
    }


def write(path, record):
    """Replaces the file with a record atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(record, indent=1))
    os.replace(new, path)


def versions(backend):
    """Returns the versions of the packages involved."""
    names = ("keras", *PACKAGES.get(backend, ()), "onnx", "onnxruntime")
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    sys.exit(main())
