"""Compares our networks with timm's and torchvision's.

`python -m tests.pretrained` builds each architecture of the tables with few
blocks and random weights, in timm or torchvision. It writes the weights as the
Hugging Face Hub has them, loads them strictly with the arguments of the table,
and compares the outputs. It uses the backend in KERAS_BACKEND, and
`--format channels_first` the other data format. With `--back`, the original
network also loads the weights that ours returns.

Each result is appended to `build/pretrained/<backend>.jsonl` immediately, so an
interrupted run resumes, and tries again what did not agree. `--again` starts
over. `--page docs/pretrained.md` writes the tables of that page from the
results, without a new run.

`--tables` writes the tables of the package, from timm and torchvision. `--pin`
adds revisions and hashes to them, and needs a network.
"""

import argparse
import gc
import pathlib
import sys
import tempfile

from tests.pretrained import records, tables

ROOT = pathlib.Path(__file__).parents[2]
FOLDER = ROOT / "build" / "pretrained"
FORMATS = ("channels_last", "channels_first")


def main(arguments=None):
    """Runs the command and returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="WORD", default="")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER)
    parser.add_argument("--page", type=pathlib.Path)
    parser.add_argument("--format", choices=FORMATS, default=FORMATS[0])
    parser.add_argument("--back", action="store_true")
    parser.add_argument("--tables", action="store_true")
    parser.add_argument("--pin", action="store_true")
    options = parser.parse_args(arguments)
    if options.tables:
        tables.write_tables()
        return 0
    if options.pin:
        failed = tables.pin(only=options.only)
        print(*failed, sep="\n")
        return int(bool(failed))
    if options.page:
        from tests.pretrained.page import write_page

        write_page(options.page, options.folder)
        return 0
    import keras

    keras.config.set_image_data_format(options.format)
    name = keras.backend.backend()
    if options.format != FORMATS[0]:
        name = f"{name}_{options.format}"
    path = options.folder / f"{name}.jsonl"
    if options.again:
        path.unlink(missing_ok=True)
    results = walk(path, options.only, options.back)
    return int(any("problem" in result for result in results))


def walk(path, only="", back=False):
    """Compares what is not in a file of results yet; returns all results."""
    import keras

    from tests.pretrained.compare import Comparison, form_of

    done = {result["key"]: result for result in records.read(path)[1]}
    # Narrow ones first. Networks that are the same with few blocks follow each
    # other.
    left = sorted(
        (rest[0]["arguments"].get("hidden_dim", 0), form_of(*rest), key, rest)
        for key, *rest in attempts(only)
        if "problem" in done.get(key, {"problem": "not compared yet"})
    )
    with tempfile.TemporaryDirectory() as folder:
        comparison, last = Comparison(pathlib.Path(folder), back), None
        for _, form, key, rest in left:
            if form != last:
                keras.backend.clear_session()
                gc.collect()
            last = form
            # torchvision's files state no name.
            name = "" if "/" in key else key.partition(" ")[0]
            done[key] = {"key": key, **comparison.small(name, *rest)}
            records.append(path, done[key])
            print(describe(done[key]), flush=True)
    return [result for key, result in done.items() if only in key]


def attempts(only=""):
    """Yields what to compare.

    Each item has a key, an entry of a table, the network of timm or
    torchvision, and the number of classes, which is 0 to compare features.

    Args:
        only: Part of the keys.
    """
    from tests.pretrained import sources
    from tests.pretrained.compare import CLASSES

    for name, entry in tables.read_table(tables.FOLDER / "timm.json").items():
        tags = entry["tags"].values()
        for with_top in sorted({tag["classes"] > 0 for tag in tags}):
            key = f"{name} {'classes' if with_top else 'features'}"
            if "missing" not in entry and only in key:
                network = sources.timm_network(name)
                yield key, entry, network, CLASSES * with_top
    entries = tables.read_table(tables.FOLDER / "torchvision.json")
    seen = set()
    for name, (_, network) in sources.torchvision_weights().items():
        name_of_network = name.partition("_Weights")[0]
        key = f"torchvision/{name_of_network} classes"
        if key not in seen and "missing" not in entries[name] and only in key:
            seen.add(key)
            yield key, entries[name], network, CLASSES


def describe(result):
    """Returns a result as one line."""
    if "problem" in result:
        return f"{result['key']}: PROBLEM: {result['problem']}"
    parts = [f"{k} {result[k]:.0e}" for k in ("back",) if k in result]
    found = ", ".join([f"{result['difference']:.0e}", *parts])
    return f"{result['key']}: {found} ({result['seconds']} s)"


if __name__ == "__main__":
    sys.exit(main())
