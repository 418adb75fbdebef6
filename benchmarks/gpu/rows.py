"""Measures one network in this process, and writes one row per mode."""

import datetime
import json

from benchmarks import harness
from benchmarks.gpu import memory, subjects
from benchmarks.gpu.networks import NETWORKS

# No round starts after this many seconds, except for the first three.
SECONDS = 4


def measure(name, backend, options, make=subjects.steps):
    """Appends the rows of a network to the results.

    A subject that fails has no speed in the row, only its error.

    Args:
        name: Key of `NETWORKS`.
        backend: Keras backend of this process.
        options: Options of the command.
        make: Function that returns the steps to time, such as `subjects.steps`.
    """
    network = NETWORKS[name]
    side = network.side
    if network.any_side and options.size:
        side = min(side, options.size)
    batch = max(1, options.batch // network.share)
    made, errors = {}, {}
    for who in ("ours", *network.peers(options.eager)):
        growth = memory.Growth(jax=who == "ours" and backend == "jax")
        try:
            made[who] = make(name, who, batch, side), growth
        except Exception as error:
            errors[who] = in_a_line(error)
        growth.made()
    # Inference comes first, because the memory peak of JAX cannot be reset.
    for mode in network.modes:
        steps, mib, failed = {}, {}, dict(errors)
        for who, (functions, growth) in made.items():
            try:
                mib[who] = growth.of(functions[mode])
                steps[who] = functions[mode]
            except Exception as error:
                failed[who] = in_a_line(error)
        row = {
            **{"network": name, "backend": backend, "mode": mode},
            **{"batch": batch, "side": side, "errors": failed},
            **origin(backend),
        }
        # Without rounds, the steps are only compiled.
        if options.rounds and steps:
            ms = harness.medians(steps, options.rounds, SECONDS)
            row["images/s"] = {who: 1e3 * batch / ms[who] for who in ms}
            row["MiB"] = {who: mib[who] for who in ms if mib[who] is not None}
        append(options.results, row)


def in_a_line(error):
    """Returns the class of an error and the first line of its message."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:300]


def append(path, row):
    """Prints a row, and appends it to a file."""
    line = json.dumps(row)
    print(line, flush=True)
    with open(path, "a") as file:
        print(line, file=file)


def origin(backend):
    """Returns the date, the machine and the versions."""
    import keras
    import torch

    device = harness.machine()
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    versions = {"keras": keras.__version__}
    for name in dict.fromkeys(("torch", backend)):
        versions[name] = __import__(name).__version__
    date = datetime.date.today().isoformat()
    return {"date": date, "machine": device, "versions": versions}
