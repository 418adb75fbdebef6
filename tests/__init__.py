"""The tests; what they set before a backend is imported is set here."""

import os
import pathlib

WITHOUT = pathlib.Path(__file__).parent / "without"

# A GPU computes in full float32, here and in the processes that tests start:
# TensorFloat-32 keeps ten bits of a factor, which would hide a wrong constant.
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")

# On a CPU, TensorFlow convolves channels first by oneDNN only, which it
# switches on by itself on some processors and not on others.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# What JAX compiles with in `make test`; TensorFlow's XLA knows other flags.
if os.environ.get("KERAS_BACKEND") == "jax":
    given = os.environ.get("XLA_FLAGS", "")
    quick = os.environ.get("KERAS_ATTN_XLA_FLAGS", "")
    # A process that a test starts has them already.
    if quick not in given:
        os.environ["XLA_FLAGS"] = f"{given} {quick}".strip()


def alone(backend):
    """Returns the environment of a process that has one backend only."""
    others = {"tensorflow", "torch", "jax"} - {backend}
    # Keras imports it for its wrappers, in a second and a half.
    others.add("sklearn")
    path = [str(WITHOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "KERAS_ATTN_WITHOUT": " ".join(sorted(others)),
        "PYTHONPATH": os.pathsep.join(path),
    }
