"""Measures the seconds that `import keras_attn` adds to `import keras`.

    python -m benchmarks.imports --backends tensorflow torch jax

Each import runs in a fresh process, which imports Keras first and then times
the package: a difference between two processes would be mostly noise. The
backends run in turns. The first round does not count, because it writes the
bytecode that an installed package already has. CPU time is printed beside
elapsed time, since it is more reliable on a busy machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys

BACKENDS = ("tensorflow", "torch", "jax")
CODE = """
import json, time
def now():
    return [time.perf_counter(), time.process_time()]
times = [now()]
import keras
times.append(now())
import keras_attn
times.append(now())
print(json.dumps(times))
"""


def measure(backend):
    """Returns elapsed and CPU seconds of Keras, and of the package."""
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONDONTWRITEBYTECODE": "",
    }
    process = subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    start, between, end = json.loads(process.stdout.splitlines()[-1])
    keras = [b - a for a, b in zip(start, between, strict=True)]
    return keras, [b - a for a, b in zip(between, end, strict=True)]


def main():
    """Measures the backends in turns and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backends", nargs="+", default=BACKENDS)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    found = {backend: [] for backend in arguments.backends}
    for number in range(arguments.rounds + 1):
        for backend, times in found.items():
            seconds = measure(backend)
            if number:
                times.append(seconds)
    for backend, times in found.items():
        keras, added = (
            [statistics.median(column) for column in zip(*part, strict=True)]
            for part in zip(*times, strict=True)
        )
        print(
            f"{backend}: keras {keras[0]:.2f} s, keras_attn adds "
            f"{added[0]:.3f} s, {added[1]:.3f} s of CPU time"
        )


if __name__ == "__main__":
    main()
