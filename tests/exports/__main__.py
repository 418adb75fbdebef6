"""Tries to export each block and model: `python -m tests.exports`.

On the backend that KERAS_BACKEND names, in each format, with height and width
known and left open. Each outcome goes to `build/exports/<backend>.json` when
it is there, so that a run that was stopped goes on where it was; `--again`
begins anew. An exporter that crashes or hangs ends a process of its own.
`--page docs/export.md` writes the tables of all backends found into that page.
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
    """Walks and writes; returns the exit status."""
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
    """Runs workers until each outcome is there."""
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
        raise RuntimeError(f"The walk does not go on: {message}")


def work(path, only=""):
    """Adds the outcomes that are lacking for one block or model.

    Of one only: after many of them, TensorFlow and JAX in one process can
    wait for each other for ever.
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
        # Ends a process that hangs in code that is not Python's.
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        record["outcomes"][key] = attempt(make, format)
        faulthandler.cancel_dump_traceback_later()
        write(path, record)


def attempts():
    """Yields name, format, size, and a function that makes the model."""
    from tests.exports.subjects import subjects

    for name, makes in subjects().items():
        for format in FORMATS:
            for size in SIZES:
                yield name, format, size, makes[size]


def attempt(make, format):
    """Exports a model, and returns what came of it."""
    import keras_attn

    try:
        model = make()
    except ValueError as error:
        # The block says it itself, before anything is exported.
        return failure("Model", error)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / FORMATS[format]
        try:
            difference = keras_attn.export(model, path, format)
        except Exception as error:
            return failure(type(error).__name__, error)
    return {"difference": difference}


def failure(kind, error):
    """Returns the outcome of an attempt that failed."""
    text = " ".join(str(error).split())
    return {"kind": kind, "message": text[:1000]}


def is_ours(key, outcome):
    """Returns whether a failure is nobody else's."""
    return "kind" in outcome and limit_of(key, outcome) is None


def describe(key, outcome):
    """Returns an outcome in a line."""
    if "kind" not in outcome:
        return f"{key}: {outcome['difference']:.0e}"
    limit = limit_of(key, outcome)
    return f"{key}: {limit or 'OURS: ' + outcome['message'][:300]}"


def read(path):
    """Returns the record in a file, an empty one if there is none."""
    if path.exists():
        return json.loads(path.read_text())
    return {
        "date": datetime.date.today().isoformat(),
        "versions": versions(path.stem),
        "outcomes": {},
    }


def write(path, record):
    """Replaces the record as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(record, indent=1))
    os.replace(new, path)


def versions(backend):
    """Returns the versions of what takes part."""
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
