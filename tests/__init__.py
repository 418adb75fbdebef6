"""The tests; what they set before a backend is imported is set here."""

import os
import sys

# A GPU computes in full float32, here and in the processes that tests start:
# TensorFloat-32 keeps ten bits of a factor, which would hide a wrong constant.
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")

# On a CPU, TensorFlow convolves channels first by oneDNN only, which it
# switches on by itself on some processors and not on others.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# What JAX compiles with in `make test`; TensorFlow's XLA knows other flags.
if os.environ.get("KERAS_BACKEND") == "jax":
    flags = [os.environ.get(f"{name}XLA_FLAGS") for name in ("", "KERAS_ATTN_")]
    if flags[1] and flags[1] not in (flags[0] or ""):
        os.environ["XLA_FLAGS"] = " ".join(filter(None, flags))

# What a process that a test starts does not need, and Keras would import.
for name in os.environ.get("KERAS_ATTN_WITHOUT", "").split():
    sys.modules[name] = None


def alone(backend):
    """Returns the environment of a process that has one backend only."""
    others = {"tensorflow", "torch", "jax"} - {backend}
    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "KERAS_ATTN_WITHOUT": " ".join(sorted(others)),
    }
